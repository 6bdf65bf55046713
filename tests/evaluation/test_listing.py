"""Evaluations in a list: finished, damaged, under way, stopped; the newest first."""

import os
from pathlib import Path

import pytest

from roleplay.evaluation.listing import ListedEvaluation, listed_evaluations
from roleplay.evaluation.notebook import Notebook
from roleplay.evaluation.report import write_report
from roleplay.paths import Home
from tests.evaluation.reports import invented


def folder(home: Home, name: str, character: str = "yui") -> Path:
    made = home.evaluations / character / name
    made.mkdir(parents=True)
    return made


def finished(home: Home, name: str, when: float, character: str = "yui") -> Path:
    made = folder(home, name, character)
    write_report(invented(character=character), made / "report.json")
    os.utime(made / "report.json", (when, when))
    return made


def only(home: Home) -> ListedEvaluation:
    (listed,) = listed_evaluations(home, "yui")
    return listed


def test_there_are_none_before_the_first(home: Home) -> None:
    assert listed_evaluations(home, None) == listed_evaluations(home, "yui") == []
    home.evaluations.mkdir(parents=True)
    assert listed_evaluations(home, "yui") == []


def test_the_newest_stand_first_whoever_they_are_of(home: Home) -> None:
    finished(home, "a@best-quick-00000001", 1000)
    finished(home, "c@epoch-3-full-00000003", 3000)
    finished(home, "b-quick@last-own-00000002", 2000, "dot")
    every = listed_evaluations(home, None)
    assert [(one.character, one.adapter, one.size, one.changed) for one in every] == [
        ("yui", "c@epoch-3", "full", 3000),
        ("dot", "b-quick@last", "own", 2000),
        ("yui", "a@best", "quick", 1000),
    ]
    assert [one.adapter for one in listed_evaluations(home, "yui")] == ["c@epoch-3", "a@best"]
    assert every[0].report == invented()
    assert (every[0].state, every[0].problem, every[0].kept) == ("finished", "", 0)
    assert every[0].page == home.evaluations / "yui" / "c@epoch-3-full-00000003" / "report.html"


def test_what_is_no_evaluation_is_not_listed(home: Home) -> None:
    for name in ("run-checkpoints-00000001", "a@best-quick-00000001.old", "a@best-quick-0000", "a@best-tiny-00000001"):
        write_report(invented(), folder(home, name) / "report.json")
    folder(home, "a@best-quick-00000001")  # nothing found yet
    (home.evaluations / "yui" / "b@best-quick-00000001").write_text("a file")
    (home.evaluations / "evaluate.log").write_text("a file")
    assert listed_evaluations(home, None) == []


@pytest.mark.parametrize("text", ["{", "[]", '{"character": 1}', "\xff"])
def test_a_damaged_report_is_listed_with_what_to_do(home: Home, text: str) -> None:
    path = folder(home, "a@best-quick-00000001") / "report.json"
    path.write_text(text, encoding="latin-1")
    listed = only(home)
    assert (listed.state, listed.report) == ("damaged", None)
    assert "remove it and evaluate again" in listed.problem


def test_one_under_way_is_told_from_a_stopped_one(home: Home) -> None:
    made = folder(home, "a@best-full-00000001")
    with Notebook(made / "notebook.jsonl") as notebook:
        notebook.put({"a": 1, "b": 2})
        os.utime(notebook.path, (1000, 1000))
        listed = only(home)
        assert (listed.state, listed.kept, listed.changed, listed.report) == ("running", 2, 1000, None)
    assert (only(home).state, only(home).kept) == ("stopped", 2)
    with Notebook(made / "notebook.jsonl") as notebook:  # looking left it free
        assert "b" in notebook
    (made / ".notebook.jsonl.lock").unlink(missing_ok=True)
    assert only(home).state == "stopped"
    assert not (made / ".notebook.jsonl.lock").exists()
