"""`roleplay knowledge evaluate`, on a book of three passages."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import refused, roleplay

ROWS = [
    {"question": "Which colour has the gate?", "accept": ["green"], "evidence": "gate is green", "kind": "plain"},
    {"question": "What does Nettle eat?", "accept": ["rope"], "evidence": "eats rope", "kind": "plain"},
]


@pytest.fixture
def keeper(pell: Path) -> Path:
    """Pell with a book that was read, and two questions about it, one of which was changed since."""
    (pell.parent / "lock.md").write_text("# Lock\n\nThe gate is green.\n\n# Goat\n\nNettle eats string.\n")
    rows = [*(row | {"file": "lock.md"} for row in ROWS), {"question": "Who dug it?", "kind": "unanswerable"}]
    (pell.parent / "q.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    pell.write_text(f"{pell.read_text()}knowledge: [lock.md]\nprobes:\n  known: q.jsonl\n")
    assert roleplay("knowledge", "build", "pell").status == 0
    return pell


def test_the_table_is_data_and_what_is_amiss_is_talk(keeper: Path) -> None:
    outcome = roleplay("knowledge", "evaluate", "pell")

    heading, plain, every = outcome.out.splitlines()
    assert heading.split() == ["way", "kind", "questions", "recall@1", "recall@5", "MRR@10", "median"]
    assert plain.split()[:6] == ["words", "plain", "2", "50.0%", "50.0%", "0.500"]
    assert every.split()[:3] == ["words", "all", "2"]
    assert "2 passages; 1 questions that no book answers were not asked" in outcome.err
    assert "its evidence stands in no passage: What does Nettle eat?" in outcome.err


def test_json_is_one_object(keeper: Path) -> None:
    found = roleplay("knowledge", "evaluate", "pell", "--json").json

    assert (found["character"], found["passages"], found["unanswerable"]) == ("pell", 2, 1)
    assert found["not_indexed"] == ["What does Nettle eat?"]
    assert [(row["way"], row["kind"], row["recall_5"]) for row in found["rows"]] == [
        ("words", "plain", 0.5),
        ("words", "all", 0.5),
    ]


def test_what_is_missing_is_one_clear_error(keeper: Path, pell: Path) -> None:
    roleplay("knowledge", "rm", "pell", "--yes")
    assert "'roleplay knowledge build pell' does that" in refused(roleplay("knowledge", "evaluate", "pell"), 1)

    (pell.parent / "q.jsonl").write_text("{}\n")
    assert "q.jsonl:1: question: is missing" in refused(roleplay("knowledge", "evaluate", "pell"), 1)

    pell.write_text(pell.read_text().replace("probes:\n  known: q.jsonl\n", ""))
    assert "names no labelled questions" in refused(roleplay("knowledge", "evaluate", "pell"), 1)
