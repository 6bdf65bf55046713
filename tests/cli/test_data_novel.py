"""`roleplay data novel`."""

import re
from pathlib import Path

import pytest

from tests.cli.conftest import refused, roleplay
from tests.corpora.labelled import read_story


@pytest.fixture
def book(pell: Path, project: Path) -> Path:
    """A book in which a Pell speaks, in the project that has her card."""
    text = read_story("en_blind").text.replace("Tamsin", "Pell")
    (project / "beans.txt").write_text(text, encoding="utf-8")
    return project / "beans.txt"


def test_it_reports_and_writes(book: Path) -> None:
    done = roleplay("data", "novel", book, "--character", "pell", "--alias", "Tam")
    assert done.status == 0
    lines = done.out.splitlines()
    assert lines[0] == "character: Pell / Tam"
    assert lines[1].startswith("lines: ")
    assert lines[2].startswith("speakers: ")
    assert "Pell 1" in lines[2]
    assert lines[4] == "sample, to check:"
    assert lines[-1].startswith("written: ")
    assert lines[-1].endswith(" in characters/pell/beans.yaml")
    assert done.err == "add to the card's corpora: - {path: pell/beans.yaml, kind: dialogue}\n"
    assert (book.parent / "characters" / "pell" / "beans.yaml").is_file()


def test_what_it_writes_trains_beside_the_rest(book: Path, pell: Path) -> None:
    roleplay("data", "novel", book, "--character", "pell", "--narration")
    pell.write_text(pell.read_text() + "\n", encoding="utf-8")
    card = pell.read_text(encoding="utf-8").replace(
        "corpora:\n", "corpora:\n  - {path: pell/beans.yaml, kind: dialogue}\n"
    )
    pell.write_text(card, encoding="utf-8")
    built = roleplay("data", "build", "pell")
    assert built.status == 0
    assert "characters/pell/beans.yaml" in built.out


def test_json_is_one_object(book: Path) -> None:
    done = roleplay("data", "novel", book, "--character", "pell", "--json", "--language", "en", "--gap", 300)
    assert done.status == 0
    value = done.json
    assert value["language"] == "en"
    assert value["names"] == ["Pell"]
    assert value["out"].endswith("characters/pell/beans.yaml")
    assert sum(count for _, count in value["speakers"]) + value["unknown"] == value["lines"] == 60
    assert value["sample"][0].keys() == {"speaker", "text", "paragraph"}


def test_continuations(book: Path) -> None:
    done = roleplay("data", "novel", book, "--character", "pell", "--mode", "continuation-pt", "--continue-length", 300)
    assert done.status == 0
    assert done.out.startswith("written: ")
    assert "kind: text" in done.err


def test_other_names_are_proposed_on_stderr(book: Path) -> None:
    text = book.read_text(encoding="utf-8").replace('"Sorry."', '"Sorry," said Pell Harrow.\n\n"Oh," said Pell Marsh.')
    book.write_text(text, encoding="utf-8")
    done = roleplay("data", "novel", book, "--character", "pell")
    said = done.err.splitlines()[0]
    assert said.startswith("perhaps Pell too: Pell ")
    assert {"Pell Marsh", "Pell Harrow"} <= set(re.findall(r"Pell \w+", said))
    assert said.endswith("; if so, add them with --alias")


@pytest.mark.parametrize(
    ("flags", "status", "error"),
    [
        (["--mode", "poem"], 2, "--mode poem: choose dialogue, continuation-sft or continuation-pt"),
        (["--language", "fr"], 2, "--language fr: choose zh or en"),
        (["--out", "x.txt"], 2, "--out x.txt does not end in .yaml or .yml or .jsonl; rename it"),
        (["--mode", "continuation-sft", "--continue-length", "9000"], 1, "beans.txt is too short to go on in pieces"),
    ],
)
def test_refusals(book: Path, flags: list[str], status: int, error: str) -> None:
    assert error in refused(roleplay("data", "novel", book, "--character", "pell", *flags), status)
