"""Which pairs are learned from, which choose the best step, and how those that are neither are told of."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from roleplay.cards.load import CardFile, load_card
from roleplay.chat.choices.heldout import heldout_questions
from roleplay.corpora.pairs import Pair, Provenance, Side
from roleplay.dataset.draws import heldout_identities
from roleplay.dataset.entries import entry_dialogues
from roleplay.dialogue import Turn
from roleplay.errors import FileFaults, UsageError
from roleplay.models.spec import parse_spec
from roleplay.paths import Home
from roleplay.preference.choices import (
    NOT_HELD_OUT,
    OF_ANOTHER,
    TOO_LONG,
    TURNED_ROUND,
    TWICE,
    UNKNOWN_PREFIX,
    Choices,
    read_choices,
)
from roleplay.preference.lessons import Lessons
from roleplay.preference.material import choice_material
from roleplay.training.start import Start, plan_new
from tests.preference.pell_choices import BRIEF, pell_pairs, write_pell_pairs
from tests.training.pell import write_pell

PAIRS = pell_pairs()


@pytest.fixture
def card_file(tmp_path: Path) -> CardFile:
    """Pell's card; nobody looks for its base."""
    return load_card(write_pell(tmp_path, tmp_path / "no-base"))


def chosen(card_file: CardFile, pairs: Sequence[Pair], *, learned: bool = True) -> Choices:
    """What becomes of a file of them."""
    path = write_pell_pairs(card_file.path.with_name("pairs.jsonl"), list(pairs))
    return read_choices(card_file, [str(path)], lambda pair: "flood" not in pair.turns[-1].text, learned=learned)


def of(adapter: str) -> Provenance:
    return Provenance(chosen=Side(adapter=adapter), rejected=Side(adapter=adapter))


def test_a_tenth_of_the_questions_is_held_out_with_all_of_its_pairs(card_file: CardFile) -> None:
    more = [replace(pair, rejected="Hm.") for pair in PAIRS]
    found = chosen(card_file, PAIRS + more)
    asked, out = ({pair.context for pair in part} for part in (found.train, found.heldout))
    assert not asked & out
    assert 1 <= len(out) <= 8
    assert len(found.train) == 2 * len(asked)
    assert found.left == ()


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        ([replace(PAIRS[0], chosen=PAIRS[0].rejected, rejected=PAIRS[0].chosen), PAIRS[0]], TURNED_ROUND),
        ([PAIRS[1]], TWICE),
        ([replace(PAIRS[0], chosen="Aye.", provenance=of("mimi/run@5"))], OF_ANOTHER),
        ([replace(PAIRS[0], chosen="Aye.", prefixes=("who", "hat"))], UNKNOWN_PREFIX),
        ([replace(PAIRS[0], turns=(Turn("user", "A flood?"),))], TOO_LONG),
    ],
    ids=["turned round", "twice", "another's", "prefix", "long"],
)
def test_a_pair_that_is_of_no_use_is_counted_with_its_reason(card_file: CardFile, odd: list[Pair], reason: str) -> None:
    found = chosen(card_file, [*PAIRS[1:], *odd])
    assert found.left == ((reason, len(odd)),)
    assert {*found.train, *found.heldout} == {*PAIRS[1:]}


def test_pairs_of_her_own_runs_and_of_the_base_alone_are_learned_from(card_file: CardFile) -> None:
    own = [replace(PAIRS[0], provenance=of("pell/first@3")), replace(PAIRS[1], provenance=Provenance(chat=4))]
    assert chosen(card_file, [*own, *PAIRS[2:]]).left == ()


def test_the_same_pair_in_two_files_is_learned_from_once(card_file: CardFile) -> None:
    paths = [str(write_pell_pairs(card_file.path.with_name(f"{name}.jsonl"))) for name in "ab"]
    found = read_choices(card_file, paths, lambda pair: True)
    assert len(found.train) + len(found.heldout) == len(PAIRS)
    assert found.left == ((TWICE, len(PAIRS)),)


def test_where_none_is_left_one_error_tells_how_many_went_why(card_file: CardFile) -> None:
    turned = replace(PAIRS[0], chosen=PAIRS[0].rejected, rejected=PAIRS[0].chosen)
    strange = [replace(pair, provenance=of("mimi/run@5")) for pair in PAIRS[1:4]]
    with pytest.raises(UsageError) as raised:
        chosen(card_file, [PAIRS[0], turned, *strange])
    assert "pairs.jsonl: no pair is left to learn from" in str(raised.value)
    assert "(3 were made with another character, 2 contradict each other)" in str(raised.value)
    assert "make more choices with 'roleplay chat'" in str(raised.value)


def heldout_question(card_file: CardFile) -> Turn:
    """What begins a dialogue that is held out."""
    dialogues = [one for at in (0, 1) for one in entry_dialogues(card_file, at).dialogues]
    out = heldout_identities(dialogues)
    turns = next(one.turns for one in dialogues if one.identity in out and one.turns[0].role == "user")
    return turns[0]


def test_what_a_corpus_holds_out_is_never_learned_from(card_file: CardFile) -> None:
    assert heldout_questions(card_file, but=card_file.path)
    pair = replace(PAIRS[0], turns=(heldout_question(card_file),))
    assert pair in chosen(card_file, [pair, *PAIRS[1:]]).heldout
    with pytest.raises(UsageError, match=r"no pair is left to learn from \(1 answer what is held out\)"):
        chosen(card_file, [pair])


def test_where_replies_are_drawn_only_what_is_held_out_is_kept(card_file: CardFile) -> None:
    learned, drawn = chosen(card_file, PAIRS), chosen(card_file, PAIRS, learned=False)
    assert (drawn.train, drawn.heldout) == ((), learned.heldout)
    assert drawn.left == ((NOT_HELD_OUT, len(learned.train)),)
    with pytest.raises(UsageError, match="no pair is left to choose the best step by"):
        chosen(card_file, PAIRS[:1], learned=False)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "pairs.jsonl: cannot be read: No such file or directory"),
        ("", "pairs.jsonl: holds no pair; give a file that 'roleplay data from-chats' wrote"),
        ("{\n", "pairs.jsonl:1: is not JSON"),
        ("[1]\n", "pairs.jsonl:1: is no object (seen: [1])"),
    ],
    ids=["missing", "empty", "damaged", "no object"],
)
def test_a_file_that_holds_no_pairs_is_named(card_file: CardFile, text: str | None, told: str) -> None:
    path = card_file.path.with_name("pairs.jsonl")
    if text is not None:
        path.write_text(text)
    with pytest.raises(FileFaults) as raised:
        read_choices(card_file, [str(path)], lambda pair: True)
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


def test_lines_with_one_reply_are_all_named_at_once(card_file: CardFile) -> None:
    path = write_pell_pairs(card_file.path.with_name("pairs.jsonl"))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    del lines[2]["rejected"]
    lines[4]["rejected"] = ""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(FileFaults) as raised:
        read_choices(card_file, [str(path)], lambda pair: True)
    assert [(fault.line, fault.key) for fault in raised.value.faults] == [(3, "rejected"), (5, "rejected")]


def lessons_of(begun: Path, pairs: list[Pair]) -> Lessons:
    """What a reward model would learn from within 200 tokens."""
    card_file = load_card(begun / "characters" / "pell.yaml")
    home = Home(begun / "home")
    path = write_pell_pairs(Path.cwd() / "pairs.jsonl", pairs)
    typed = BRIEF | {"stage": "rm", "pairs": (str(path),), "max_length": 200}
    plan = plan_new(home, Start(card_file, None, None, typed, "none"))
    return choice_material(card_file, parse_spec(plan.base), plan.resolved.settings, None, home.knowledge_of("pell"))[1]


def test_of_a_long_conversation_the_oldest_turns_leave_and_a_long_question_is_left_out(
    begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    talk = [Turn("user", "Rain?"), Turn("assistant", "Some."), Turn("user", "The goat?"), Turn("assistant", "Wet.")] * 8
    long = replace(PAIRS[0], turns=(*talk, Turn("user", "And you?")))
    endless = replace(PAIRS[1], turns=(Turn("user", "Rain again? " * 30),))
    lessons = lessons_of(begun, [long, endless, *PAIRS[2:]])
    assert lessons.left == ((TOO_LONG, 1),)
    [cut] = [one for one in (*lessons.train, *lessons.heldout) if one.pair == long]
    whole = lessons.voice.prompt_ids(long.turns, ["who"])
    assert len(whole) > 200 >= max(len(cut.better.ids), len(cut.worse.ids))
    question = lessons.voice.prompt_ids(long.turns[-1:], ["who"])
    assert question[-12:] == cut.prompt_ids[-12:]
    assert len(cut.prompt_ids) > len(question)
