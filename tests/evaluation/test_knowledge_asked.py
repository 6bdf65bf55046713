"""Questions about a character's books, asked of a tiny base with and without what its index finds."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from roleplay.cards.load import CardFile, load_card
from roleplay.chat.books import Wish, find_books, read_books
from roleplay.chat.open import Opened, open_on
from roleplay.evaluation import asking
from roleplay.evaluation.asking import prompt_ids
from roleplay.evaluation.evaluate import evaluate, evaluated_corpus
from roleplay.evaluation.known_prompts import known_prompts, unread
from roleplay.evaluation.place import place_of
from roleplay.evaluation.prompts import Prompt
from roleplay.evaluation.scope import QUICK, Scope
from roleplay.generation.lanes import LANES
from roleplay.generation.settings import Sampling
from roleplay.measures.lines import RealLines
from roleplay.paths import Home
from tests.evaluation.yui import quiet
from tests.tiny import load_tiny_base, save_tiny_base
from tests.training.pell import write_pell

SMALL = Scope(
    heldout=0,
    heldout_dialogues=0,
    trained=0,
    trained_dialogues=0,
    probes=0,
    known=1,
    general=0,
    max_new_tokens=3,
    batch=2,
)
BOOK = "# Lock\n\nThe lower gate is green.\n\n# Goat\n\nNettle eats {{char}}'s string.\n"
QUESTIONS = [
    {"question": "Which colour has the lower gate?", "accept": ["green"], "evidence": "gate is green", "kind": "plain"},
    {"question": "What does Nettle eat?", "accept": ["string"], "evidence": "string", "kind": "paraphrase"},
]
NONE = {"question": "Who dug the lock?", "kind": "unanswerable"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    return save_tiny_base(tmp_path_factory.mktemp("base"), chatml_tokenizer)


@pytest.fixture(autouse=True)
def nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No other character and no general question is in reach: reading them takes longer than all else here."""
    for reader in ("place", "prompts"):
        monkeypatch.setattr(f"roleplay.evaluation.{reader}.languages", list)
    monkeypatch.setattr("roleplay.cards.find.shipped", lambda: tmp_path / "shipped")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def card_file(tmp_path: Path, base: Path) -> CardFile:
    """Pell, who has a book and questions about it; her prefix for passages is on in a new chat."""
    card = write_pell(tmp_path, base, more="knowledge: [pell/lock.md]\nprobes:\n  known: questions.jsonl\n")
    (tmp_path / "pell" / "lock.md").write_text(BOOK, encoding="utf-8")
    rows = [*(row | {"file": "pell/lock.md"} for row in QUESTIONS), NONE]
    (tmp_path / "questions.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return load_card(card)


def built(card_file: CardFile, home: Home) -> Opened:
    """Pell with her book read."""
    read_books(card_file, home, find_books(card_file, home)[0], Wish(), lambda done, total, text: None)
    return opened(card_file, home)


def opened(card_file: CardFile, home: Home) -> Opened:
    return open_on(card_file, home, load_tiny_base(Path(str(card_file.card.base))), None)


def test_each_question_is_asked_twice_with_what_the_book_says(card_file: CardFile, home: Home) -> None:
    prompts = known_prompts(card_file, built(card_file, home), replace(SMALL, known=None))

    assert [(one.part, one.asked) for one in prompts] == [
        (part, row["question"]) for part in ("with_knowledge", "without_knowledge") for row in [*QUESTIONS, NONE]
    ]
    assert "- Lock: The lower gate is green." in prompts[0].passages
    assert [one.is_told for one in prompts[:2]] == [True, True]
    assert [one.accept for one in prompts[:3]] == [("green",), ("string",), ()]
    assert len({one.key for one in prompts}) == 6


def test_a_part_holds_questions_with_an_answer_and_without(card_file: CardFile, home: Home) -> None:
    prompts = known_prompts(card_file, built(card_file, home), SMALL)

    assert [bool(one.accept) for one in prompts] == [True, False, True, False]
    assert QUICK.known == 16


def sent(character: Opened, prompt: Prompt, lane: str) -> str:
    voice = replace(character.voice, recall=character.memory.recall())
    ids = prompt_ids(character.engine, voice, prompt, LANES[lane], Sampling(max_new_tokens=3))
    return voice.renderer.tokenizer.decode(ids)


def test_passages_are_sent_where_the_part_says_so_in_every_lane(card_file: CardFile, home: Home) -> None:
    character = built(card_file, home)
    told, *_ = prompts = known_prompts(card_file, character, replace(SMALL, known=None))
    alone = prompts[3]
    other = replace(alone, part="heldout")

    for lane, persona in (("base", False), ("base+prefix", True)):
        assert ("lower gate is green" in sent(character, told, lane)) is True
        assert ("You are Pell." in sent(character, told, lane)) is persona
        assert "remembers" not in sent(character, alone, lane)
        assert sent(character, alone, lane) == sent(character, other, lane)
        assert sent(character, alone, lane) in (sent(character, told, lane).replace(_between(character, told), ""),)


def _between(character: Opened, told: Prompt) -> str:
    """What stands before the question, of the knowledge prefix with its passages filled in."""
    text = sent(character, told, "base")
    return text[text.index("(What Pell") : text.index(told.asked)]


def test_a_report_has_a_section_about_the_books_and_an_interrupted_one_asks_nothing_twice(
    card_file: CardFile, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One evaluation, for they take a second."""
    character, asked, limit = built(card_file, home), list[str](), [4]
    inner: Callable[..., Any] = asking.reply_to

    def counted(engine: Any, lanes: Any, ids: Any, sampling: Any) -> Any:
        if len(asked) >= limit[0]:
            raise KeyboardInterrupt
        asked.extend(f"{lane.name} {row}" for lane, row in zip(lanes, ids, strict=True))
        return inner(engine, lanes, ids, sampling)

    monkeypatch.setattr(asking, "reply_to", counted)
    with pytest.raises(KeyboardInterrupt):
        evaluate(card_file, home, character, SMALL, quiet)
    limit[0] = 100
    report, place = evaluate(card_file, home, character, SMALL, quiet)

    assert len(asked) == len(set(asked)) == report.counts["replies"]
    names = [measure.name for measure in report.measures if measure.section == "knowledge"]
    figures = ("found", "grounded", "held", "timid", "refused")
    assert names == [f"{one}_{way}_knowledge" for one in figures for way in ("with", "without")]
    assert all(set(one.lanes) == {"base+prefix", "base"} for one in report.measures if one.section == "knowledge")
    assert (report.counts["with knowledge prompts"], report.counts["without knowledge prompts"]) == (2, 2)
    page = place.page.read_text(encoding="utf-8")
    assert "<h2>What its books in the prompt are worth" in page
    assert page.count("<small>A book says") == 2
    assert evaluate(card_file, home, character, SMALL, quiet) == (report, place)


def test_without_an_index_a_line_says_how_to_build_it(card_file: CardFile, home: Home) -> None:
    character = opened(card_file, home)

    assert known_prompts(card_file, character, SMALL) == []
    (told,) = unread(character)
    assert (told.level, "'roleplay knowledge build pell'" in told.text) == ("note", True)
    assert unread(built(card_file, home)) == []


def test_a_changed_book_or_question_is_another_evaluation(card_file: CardFile, home: Home) -> None:
    def folder(character: Opened) -> Path:
        corpus = evaluated_corpus(card_file, character)
        return place_of(
            home, character, corpus, RealLines({}, ()), SMALL, known_prompts(card_file, character, SMALL)
        ).folder

    character = built(card_file, home)
    questions, book = card_file.path.with_name("questions.jsonl"), card_file.path.parent / "pell" / "lock.md"
    folders = [folder(opened(card_file, Home(home.root / "other"))), folder(character)]
    questions.write_text(questions.read_text().replace("green", "grey").replace("string", "rope"), encoding="utf-8")
    folders.append(folder(character))
    questions.write_text(questions.read_text().replace("grey", "green").replace("rope", "string"), encoding="utf-8")
    assert folder(character) == folders[1]
    book.write_text(BOOK.replace("green.", "green and old."), encoding="utf-8")
    folders.append(folder(built(card_file, home)))

    assert len(set(folders)) == 4
