"""Rankings as LLaMA-Factory has them: what is written is what it reads, and is read back."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from roleplay.corpora.pairs import Pair, Provenance
from roleplay.corpora.ranking import REGISTRY, Form, pair_of, ranking_lines, read_ranking
from roleplay.corpora.registered import read_registered
from roleplay.dialogue import Pair as Answers
from roleplay.dialogue import Turn
from roleplay.errors import FileFaults
from tests.corpora.conftest import Write, lines
from tests.corpora.test_pairs import pairs

TALK = Pair(
    turns=(Turn("system", "You are Mira."), Turn("user", "Hi"), Turn("assistant", "Yes?"), Turn("user", "Which?")),
    chosen="Leek.",
    rejected="Soup.",
    why="swipe",
)
OPENED = Pair((Turn("assistant", "Soup's on."), Turn("user", "Which?")), "Leek.", "Soup.", "edit")
FORMS: list[Form] = ["alpaca", "sharegpt", "kto"]


def rows(pair: Pair, form: Form) -> list[object]:
    return [json.loads(line) for line in ranking_lines([pair], form)]


def asked(pair: Pair) -> Pair:
    """What a ranking keeps of a pair."""
    return replace(pair, why="prefer", prefixes=(), provenance=Provenance())


def test_alpaca_rows_have_the_last_question_as_instruction_and_the_rest_as_history() -> None:
    assert rows(TALK, "alpaca") == [
        {
            "instruction": "Which?",
            "input": "",
            "chosen": "Leek.",
            "rejected": "Soup.",
            "system": "You are Mira.",
            "history": [["Hi", "Yes?"]],
        }
    ]
    assert rows(OPENED, "alpaca") == [
        {
            "instruction": "Which?",
            "input": "",
            "chosen": "Leek.",
            "rejected": "Soup.",
            "system": "",
            "history": [["", "Soup's on."]],
        }
    ]


def test_sharegpt_rows_end_with_the_question_and_have_both_answers_as_messages() -> None:
    assert rows(TALK, "sharegpt") == [
        {
            "conversations": [
                {"from": "human", "value": "Hi"},
                {"from": "gpt", "value": "Yes?"},
                {"from": "human", "value": "Which?"},
            ],
            "system": "You are Mira.",
            "chosen": {"from": "gpt", "value": "Leek."},
            "rejected": {"from": "gpt", "value": "Soup."},
        }
    ]


def test_each_answer_of_a_pair_is_a_marked_row_of_its_own() -> None:
    asked_first = [{"from": "human", "value": ""}, {"from": "gpt", "value": "Soup's on."}]
    question = {"from": "human", "value": "Which?"}
    assert rows(OPENED, "kto") == [
        {
            "conversations": [*asked_first, question, {"from": "gpt", "value": text}],
            "system": "",
            "kto_tag": good,
        }
        for text, good in (("Leek.", True), ("Soup.", False))
    ]


@pytest.mark.parametrize("form", FORMS)
@given(pairs())
def test_any_pair_that_the_person_opens_comes_back(tmp_path: Path, form: Form, made: Pair) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(ranking_lines([made], form)), encoding="utf-8")
    found, report = read_ranking(path)
    assert found == [asked(made)]
    assert (report.kept, report.lost) == (2 if form == "kto" else 1, 0)


@pytest.mark.parametrize("form", ["alpaca", "sharegpt"])
def test_a_registry_reads_the_file_by_the_entry_that_belongs_to_it(tmp_path: Path, form: Form) -> None:
    (tmp_path / "talk.jsonl").write_text("".join(ranking_lines([TALK], form)), encoding="utf-8")
    registry = {"talk": {"file_name": "talk.jsonl", **REGISTRY[form]}}
    (tmp_path / "dataset_info.json").write_text(json.dumps(registry), encoding="utf-8")
    reading = read_registered(tmp_path, "talk")
    assert [pair_of(value) for value in reading if isinstance(value, Answers)] == [asked(TALK)]
    assert reading.report.losses() == []


def test_an_opening_comes_back_from_marked_answers(write: Write) -> None:
    found, _ = read_ranking(write("a.jsonl", "".join(ranking_lines([OPENED], "kto"))))
    assert found == [asked(OPENED)]


def test_rankings_of_early_2024_and_of_other_tools_are_read(write: Write) -> None:
    old = {"instruction": "Which", "input": "soup?", "output": ["Leek.", "Stew."], "history": [["Hi", "Yes?"]]}
    found, _ = read_ranking(write("old.json", json.dumps([old])))
    assert [(turn.role, turn.text) for turn in found[0].turns] == [
        ("user", "Hi"),
        ("assistant", "Yes?"),
        ("user", "Which\nsoup?"),
    ]
    assert (found[0].chosen, found[0].rejected, found[0].why, found[0].source) == (
        "Leek.",
        "Stew.",
        "prefer",
        "old.json:1",
    )
    other = {"prompt": "Which?", "chosen": "Leek.", "rejected": "Stew."}
    assert read_ranking(write("other.jsonl", lines(other)))[0][0].turns == (Turn("user", "Which?"),)


def test_marked_answers_pair_up_only_with_the_other_kind_to_the_same_question(write: Write) -> None:
    def row(question: str, answer: str, good: object) -> dict[str, object]:
        return {"instruction": question, "output": answer, "kto_tag": good}

    path = write(
        "a.jsonl",
        lines(
            row("A", "one", True),
            row("A", "two", False),
            row("A", "three", False),
            row("A", "two", True),
            row("A", "one", True),
            row("B", "four", True),
            row("A", "five", "yes"),
        ),
    )
    found, report = read_ranking(path)
    assert [(pair.turns[0].text, pair.chosen, pair.rejected) for pair in found] == [
        ("A", "one", "two"),
        ("A", "one", "three"),
    ]
    assert (report.rows, report.kept) == (7, 3)
    assert {reason: dropped.first for reason, dropped in report.dropped.items()} == {
        "has an answer that is marked both ways": [4],
        "says what another row says": [5],
        "has no answer of the other kind to its question": [6],
        "has a 'kto_tag' that is neither true nor false": [7],
    }


@pytest.mark.parametrize("row", [{"instruction": "A", "output": "one", "kto_tag": True}, {"text": "A"}, 3])
def test_rows_without_a_pair_are_one_error(write: Write, row: object) -> None:
    with pytest.raises(FileFaults, match=r"a\.jsonl: holds no pair: 1 rows read, 0 kept, 1 dropped"):
        read_ranking(write("a.jsonl", lines(row)))
