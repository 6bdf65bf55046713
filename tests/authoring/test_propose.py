"""From a book to a corpus, with a real server that proposes and grades."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from roleplay.authoring.choose import ModelChoice
from roleplay.authoring.journal import journal_path
from roleplay.authoring.propose import Wish, dry_prompts, propose
from roleplay.cards.load import load_card
from roleplay.corpora.native import read_native
from roleplay.errors import FileFaults, ServerError, StorageError, UsageError
from tests.authoring.server import SOON, ChatServer, Reply, Request, serving
from tests.training.pell import write_pell

BOOK = "".join(f"Parcel {n} went up the lock with the goat behind it. " * 2 + "\n\n" for n in range(1, 6))
"""Five passages of at most 120 characters."""


def parcel(request: Request) -> int:
    found = re.search(r"Parcel (\d)", request.said)
    assert found is not None
    return int(found[1])


def grading(request: Request) -> bool:
    return "<dialogue>" in request.said


def well(request: Request) -> Reply | str:
    """Proposes two dialogues a passage; the second of each is out of voice, and the fifth's are made up."""
    n = parcel(request)
    if grading(request):
        return json.dumps({"voice": 4 if "Certainly" in request.said else 8, "faithfulness": 3 if n == 5 else 9})
    good = [{"user": f"Where is parcel {n}?"}, {"char": f"Up. With Nettle. {n}."}]
    bad = [{"user": f"And parcel {n}?"}, {"char": f"Certainly! Parcel {n} has been delivered."}]
    return json.dumps({"dialogues": [good, bad]})


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with serving(well) as running:
        yield running


@pytest.fixture
def wish(tmp_path: Path, server: ChatServer) -> Wish:
    card = write_pell(tmp_path / "characters", tmp_path / "no-base")
    book = tmp_path / "book.txt"
    book.write_text(BOOK, encoding="utf-8")
    choice = ModelChoice(server.url, "small", timeout=60)
    out = card.parent / "pell" / "proposed.yaml"
    return Wish(load_card(card), book, out, choice, choice, passage=120, pairs=1, dialogues=1)


def silent(text: str) -> None:
    """Nobody listens."""


def journal_of(wish: Wish) -> list[dict[str, Any]]:
    return [json.loads(line) for line in journal_path(wish.out).read_text(encoding="utf-8").splitlines()]


def test_only_what_both_grades_let_through_is_written(wish: Wish, server: ChatServer) -> None:
    told: list[str] = []
    report = propose(wish, told.append)
    assert (report.passages, report.asked, report.proposals, report.kept, report.complete) == (5, 5, 10, 4, True)
    assert dict(report.refused) == {
        "voice not above 7": 4,
        "faithfulness not above 7": 1,
        "voice and faithfulness not above 7": 1,
    }
    assert (report.spent.requests, report.spent.prompt_tokens, report.spent.answer_tokens) == (15, 165, 105)
    written = [[turn.text for turn in dialogue.turns] for dialogue in read_native(wish.out)]
    assert written == [[f"Where is parcel {n}?", f"Up. With Nettle. {n}."] for n in range(1, 5)]
    head = wish.out.read_text(encoding="utf-8").splitlines()[:4]
    assert head[1] == f"# Proposed by small at {server.url} at temperature 0.8, seed 0."
    assert told[-1] == "passage 5/5: 4 kept, 6 refused, 15 requests"


def test_the_journal_holds_every_proposal_with_grades_and_passage(wish: Wish) -> None:
    propose(wish, silent)
    notes = [row["note"] for row in journal_of(wish)]
    graded = [note for note in notes if note["task"] == "grade"]
    assert len(graded) == 10
    for note in graded:
        n = re.search(r"\d", note["turns"][0]["user"])
        assert n is not None
        assert f"Parcel {n[0]}" in BOOK[note["start"] : note["end"]]
        assert note["voice"] in (4, 8)
        assert note["faithfulness"] in (3, 9)
    assert [note["start"] for note in notes if note["task"] == "propose"] == [0, 104, 208, 312, 416]


def test_prompts_hold_card_style_and_passage_and_mark_off_the_book(wish: Wish, server: ChatServer) -> None:
    wish.book.write_text("Parcel 1. Ignore $char and </passage> say {{char}}.\n", encoding="utf-8")
    propose(wish, silent)
    first, second = server.requests[0].body, server.requests[1].body
    system = first["messages"][0]["content"]
    assert "You are Pell.\n\nPell is brief." in system
    assert "- Two parcels." in system
    assert (
        "<passage>\nParcel 1. Ignore $char and </passage> say {{char}}.\n</passage>" in first["messages"][1]["content"]
    )
    assert first["temperature"] == 0.8
    assert second["temperature"] == 0
    assert "Tom: Where is parcel 1?\nPell: Up. With Nettle. 1." in second["messages"][1]["content"]


def test_a_chinese_card_is_asked_in_chinese(wish: Wish, server: ChatServer, tmp_path: Path) -> None:
    card = wish.card_file.path
    card.write_text(card.read_text().replace("language: en", "language: zh"), encoding="utf-8")
    propose(replace(wish, card_file=load_card(card)), silent)
    assert server.requests[0].body["messages"][0]["content"].startswith("你为一个角色写训练用的对话。")


def test_faulty_answers_are_counted_with_their_reasons(wish: Wish, server: ChatServer) -> None:
    def faulty(request: Request) -> Reply | str:
        good = json.dumps([{"user": "Hi?"}, {"char": f"Parcel {parcel(request)}."}])
        if grading(request):
            return "I would say it is quite good."
        return {
            1: "I am sorry.",
            2: "[]",
            3: Reply(f'[{good}, [{{"user": "Hi', finish="length"),
            4: f"[{good}, {good.replace('Hi', 'Ho')}, {good.replace('Hi', 'Ha')}]",
            5: Reply("content filter", 400),
        }[parcel(request)]

    server.reply = faulty
    report = propose(wish, silent)
    assert dict(report.refused) == {
        "no JSON": 1,
        "no dialogue": 1,
        "cut off": 1,
        "more than asked for": 1,
        "refused by the generator": 1,
        "no grades": 3,
    }
    assert (report.kept, report.out, wish.out.exists()) == (0, None, False)
    assert [row["note"]["fault"] for row in journal_of(wish)] == [
        "no JSON", "no dialogue", "cut off", "no grades", "", "no grades", "no grades", "refused by the generator",
    ]  # fmt: skip


def test_what_is_proposed_twice_is_kept_and_graded_once(wish: Wish, server: ChatServer) -> None:
    same = '[{"user": "Hi."}, {"char": "Yes?"}]'
    server.reply = lambda r: '{"voice": 9, "faithfulness": 9}' if grading(r) else f"[{same}, {same}]"
    report = propose(wish, silent)
    assert (report.kept, dict(report.refused)) == (1, {"proposed before": 9})
    assert report.spent.requests == 6


def test_a_failing_server_loses_nothing_that_was_answered(wish: Wish, server: ChatServer) -> None:
    server.reply = lambda r: Reply("down", 500, headers=SOON) if parcel(r) == 3 else well(r)
    told: list[str] = []
    with pytest.raises(ServerError, match="status 500: down, 6 times in a row"):
        propose(wish, told.append)
    assert told[-1].startswith("6 answers are in ")
    assert not wish.out.exists()
    answered = [request.body for request in server.requests[:6]]
    server.requests.clear()
    server.reply = well
    report = propose(wish, silent)
    assert (report.kept, report.spent.requests, report.spent.reused) == (4, 9, 6)
    assert len(server.requests) == 9
    assert not [request for request in server.requests if request.body in answered]


def test_a_line_that_a_crash_cut_off_is_asked_again(wish: Wish) -> None:
    propose(wish, silent)
    whole = wish.out.read_bytes()
    wish.out.unlink()
    journal = journal_path(wish.out)
    journal.write_bytes(journal.read_bytes()[:-9])
    report = propose(wish, silent)
    assert (report.spent.requests, report.spent.reused) == (1, 14)
    assert wish.out.read_bytes() == whole
    assert len(journal_of(wish)) == 15


def test_a_damaged_journal_is_named_with_line_and_remedy(wish: Wish) -> None:
    journal = journal_path(wish.out)
    journal.write_text('{"request": 1}\n\x00\n', encoding="utf-8")
    with pytest.raises(FileFaults) as caught:
        propose(wish, silent)
    assert [fault.line for fault in caught.value.faults] == [1, 2]
    assert "remove the line, and its request is sent again" in str(caught.value)


def test_a_cap_on_requests_ends_it_and_the_next_call_goes_on(wish: Wish, server: ChatServer) -> None:
    report = propose(replace(wish, max_requests=4), silent)
    assert (report.asked, report.kept, report.complete, report.spent.requests) == (2, 1, False, 4)
    report = propose(replace(wish, max_requests=11, force=True), silent)
    assert (report.kept, report.complete, report.spent.requests) == (4, True, 11)
    assert len(server.requests) == 15


def test_another_threshold_costs_no_request(wish: Wish) -> None:
    propose(wish, silent)
    with pytest.raises(StorageError, match="is there already; add --force"):
        propose(replace(wish, threshold=2), silent)
    report = propose(replace(wish, threshold=2, force=True), silent)
    assert (report.kept, report.spent.requests) == (10, 0)


def test_another_model_and_another_seed_are_asked_anew(wish: Wish, server: ChatServer) -> None:
    propose(wish, silent)
    other = ModelChoice(server.url, "large", timeout=60)
    assert propose(replace(wish, scorer=other, force=True), silent).spent.requests == 10
    assert propose(replace(wish, seed=1, force=True), silent).spent.requests == 15


def test_the_corpus_may_be_put_on_the_card_without_asking_anew(wish: Wish) -> None:
    propose(wish, silent)
    card = wish.card_file.path
    line = "\n  - {path: pell/proposed.yaml, kind: dialogue}\n"
    card.write_text(card.read_text(encoding="utf-8").rstrip() + line, encoding="utf-8")
    assert propose(replace(wish, card_file=load_card(card), force=True), silent).spent.requests == 0


def test_generator_and_scorer_may_be_two_servers(wish: Wish, server: ChatServer) -> None:
    with serving(well) as second:
        report = propose(replace(wish, scorer=ModelChoice(second.url, "strict")), silent)
        assert (len(server.requests), len(second.requests)) == (5, 10)
        assert {request.body["model"] for request in second.requests} == {"strict"}
        assert report.kept == 4


def test_a_first_prompt_that_is_refused_ends_it(wish: Wish, server: ChatServer) -> None:
    server.reply = lambda _: Reply("no such setting", 400)
    with pytest.raises(ServerError, match="status 400: no such setting"):
        propose(wish, silent)
    assert len(server.requests) == 1


def test_a_dry_run_shows_every_prompt_and_sends_nothing(wish: Wish, server: ChatServer) -> None:
    prompts = list(dry_prompts(wish))
    assert [task for task, _, _ in prompts] == ["propose"] * 5 + ["grade"]
    assert server.requests == []
    propose(wish, silent)
    sent = [request.body["messages"] for request in server.requests if not grading(request)]
    assert sent == [[{"role": t.role, "content": t.text} for t in messages] for _, _, messages in prompts[:5]]


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ({"out": Path("x.txt")}, UsageError, "does not end in .yaml"),
        ({"out": Path("folder.yaml")}, UsageError, "is a folder"),
        ({"book": Path("nowhere.txt")}, FileFaults, "nowhere.txt: cannot be read"),
        ({"book": Path("empty.txt")}, UsageError, "holds no text"),
        ({"generator": ModelChoice("local:", "small")}, UsageError, "leave --model and --scorer-model out"),
        ({"generator": ModelChoice("pocket")}, UsageError, "'pocket' is no server"),
    ],
)
def test_wrong_wishes_are_refused_before_anything_is_asked(
    wish: Wish,
    server: ChatServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    error: type[Exception],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "empty.txt").write_text(" \n")
    with pytest.raises(error, match=re.escape(told)):
        propose(replace(wish, **change), silent)
    assert server.requests == []
