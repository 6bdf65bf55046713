"""What both are asked."""

from pathlib import Path

import pytest

from roleplay.cards.load import CardFile, load_card
from roleplay.chat.prefer.prompts import context_of, prompts_of
from roleplay.corpora.pairs import Pair
from roleplay.dataset.draws import heldout_identities
from roleplay.dialogue import Dialogue, Turn
from roleplay.errors import NotFound, UsageError
from tests.tui.person import MIRA

MORE = """\
corpora:
  - {path: mira/talk.yaml, kind: dialogue}
probes:
  identity: [{question: "Who are you, {{char}}?", accept: [Mira]}]
  out_of_world: [{question: "Who is president?", accept: [soup]}]
"""


@pytest.fixture
def talk(tmp_path: Path) -> CardFile:
    """Mira with thirty dialogues of two answers each."""
    (tmp_path / "mira").mkdir()
    entries = "".join(
        f'- [{{char: "Hm."}}, {{user: "Ask {i}"}}, {{char: "No."}}, {{user: "More {i}"}}, {{char: "Yes."}}]\n'
        for i in range(30)
    )
    (tmp_path / "mira" / "talk.yaml").write_text(entries)
    (tmp_path / "mira.yaml").write_text(MIRA + MORE)
    return load_card(tmp_path / "mira.yaml")


def dialogue(i: int) -> Dialogue:
    said = [("assistant", "Hm."), ("user", f"Ask {i}"), ("assistant", "No."), ("user", f"More {i}")]
    return Dialogue(tuple(Turn(role, text) for role, text in [*said, ("assistant", "Yes.")]), "")  # type: ignore[arg-type]


def test_heldout_prompts_are_all_that_comes_before_answers_of_heldout_dialogues(talk: CardFile) -> None:
    dialogues = [dialogue(i) for i in range(30)]
    out = heldout_identities(dialogues)
    expected = {one.turns[:end] for one in dialogues if one.identity in out for end in (2, 4)}

    found, trained = prompts_of(talk, "heldout", 0), prompts_of(talk, "trained", 0)

    assert found is not None
    assert trained is not None
    assert set(found) == expected
    assert len(found) + len(trained) == 60
    assert not set(found) & set(trained)


def test_the_order_is_drawn_by_the_seed(talk: CardFile) -> None:
    one, again, other = (prompts_of(talk, "trained", seed) for seed in (0, 0, 1))

    assert one == again
    assert one is not None
    assert other is not None
    assert one != other
    assert set(one) == set(other)


def test_probes_are_the_cards_own_questions(talk: CardFile) -> None:
    found = prompts_of(talk, "probes", 0)

    assert found is not None
    assert {turns[0].text for turns in found} == {"Who are you, {{char}}?", "Who is president?"}


def test_each_line_of_a_file_is_a_prompt_once(talk: CardFile, tmp_path: Path) -> None:
    path = tmp_path / "ask.txt"
    path.write_text("One\x1b[2J\n\n  Two \nTwo\n")

    found = prompts_of(talk, str(path), 0)

    assert found is not None
    assert {turns[0].text for turns in found} == {"One[2J", "Two"}
    assert len(found) == 2


def test_typed_prompts_are_not_known_before(talk: CardFile) -> None:
    assert prompts_of(talk, "typed", 0) is None


@pytest.mark.parametrize(
    ("source", "told"),
    [("helduot", "there is no such file; did you mean 'heldout'"), ("ask.jsonl", "write a prompt a line")],
)
def test_no_source_is_refused(
    talk: CardFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ask.jsonl").write_text('{"prompt": "One"}\n')

    with pytest.raises(UsageError, match=told):
        prompts_of(talk, source, 0)


@pytest.mark.parametrize("source", ["heldout", "trained", "probes", "empty.txt"])
def test_a_source_without_prompts_is_told(
    mira: CardFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").write_text("\n")

    with pytest.raises(NotFound, match="type them with --prompts typed"):
        prompts_of(mira, source, 0)


def test_a_context_is_that_of_a_pair(talk: CardFile) -> None:
    turns = dialogue(0).turns[:2]

    assert context_of(turns) == Pair(turns, "a", "b", "prefer").context
