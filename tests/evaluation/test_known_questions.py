"""Labelled questions: where they are found, and what is wrong with a file of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from roleplay.cards.load import CardFile, load_card
from roleplay.errors import FileFaults, NotFound
from roleplay.evaluation.known_questions import (
    KnownQuestion,
    known_faults,
    known_questions,
    questions_file,
    read_known,
)
from roleplay.paths import shipped

PLAIN = {"question": "When?", "accept": ["nine"], "evidence": "until nine", "file": "soup.md", "kind": "plain"}
NONE = {"question": "Who?", "kind": "unanswerable"}


def written(path: Path, *rows: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def card_naming(folder: Path, name: str | None) -> CardFile:
    folder.mkdir(parents=True, exist_ok=True)
    text = "schema: 1\nname: mira\ndisplay_name: Mira\nlanguage: en\n"
    path = folder / "mira.yaml"
    path.write_text(text if name is None else f"{text}probes:\n  known: {name}\n", encoding="utf-8")
    return load_card(path)


def faults_of(*rows: Any, folder: Path) -> list[str]:
    with pytest.raises(FileFaults) as caught:
        read_known(written(folder / "q.jsonl", *rows))
    return [str(fault).removeprefix(f"{folder}/q.jsonl:") for fault in caught.value.faults]


def test_questions_are_read_with_what_counts(tmp_path: Path) -> None:
    plain, none = read_known(written(tmp_path / "q.jsonl", PLAIN, NONE))

    assert plain == KnownQuestion("When?", ("nine",), "until nine", "soup.md", "plain")
    assert (plain.answerable, none.answerable, none.accept) == (True, False, ())


def test_every_fault_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    found = faults_of(
        PLAIN | {"acept": ["x"]},
        {"question": " ", "kind": "plane"},
        PLAIN | {"question": "A?", "accept": [], "file": ""},
        NONE | {"question": "B?", "evidence": "somewhere"},
        PLAIN,
        PLAIN,
        7,
        folder=tmp_path,
    )

    assert found == [
        "1: acept: is not a key of a question; did you mean 'accept'?",
        "2: question: string should have at least 1 character (seen: ' '); correct the value",
        "2: kind: is no kind (seen: 'plane'); did you mean 'plain'?",
        "3: accept: is missing for a question of kind 'plain'; add it, or write kind 'unanswerable'",
        "3: file: is missing for a question of kind 'plain'; add it, or write kind 'unanswerable'",
        "4: evidence: is given for a question without an answer (seen: somewhere); take it out, or choose another kind",
        "6: question: 'When?' is asked twice; leave one out",
        "7: is no question (seen: 7); write a JSON object with 'question' and 'kind'",
    ]


def test_a_file_without_questions_says_so(tmp_path: Path) -> None:
    assert "holds no question; write one JSON object a line" in faults_of(folder=tmp_path)[0]


@pytest.mark.parametrize("place", ["characters/q.jsonl", "data/questions/q.jsonl"])
def test_they_lie_beside_the_card_or_in_the_projects_data(tmp_path: Path, place: str) -> None:
    written(tmp_path / place, PLAIN)

    assert [one.question for one in known_questions(card_naming(tmp_path / "characters", "q.jsonl"))] == ["When?"]


@pytest.mark.parametrize("name", ["../q.jsonl", "gone.jsonl", "/etc/hostname", "folder"])
def test_what_is_elsewhere_is_named_with_the_line_of_the_card(tmp_path: Path, name: str) -> None:
    written(tmp_path / "q.jsonl", PLAIN)
    (tmp_path / "characters" / "folder").mkdir(parents=True)

    with pytest.raises(FileFaults, match=rf"mira.yaml:6: probes.known: '{name}' is neither beside the card nor in"):
        known_questions(card_naming(tmp_path / "characters", name))


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "characters").mkdir()
    (tmp_path / "characters" / "q.jsonl").symlink_to(written(tmp_path / "q.jsonl", PLAIN))

    with pytest.raises(FileFaults):
        known_questions(card_naming(tmp_path / "characters", "q.jsonl"))


def test_a_card_without_questions_says_what_to_add(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"names no labelled questions; add 'probes: \{known: FILE\}'"):
        known_questions(card_naming(tmp_path, None))


@pytest.mark.parametrize("name", ["yui", "wan", "dot"])
def test_those_that_ship_are_sound_and_their_evidence_stands_in_the_books(name: str) -> None:
    questions = known_questions(load_card(shipped() / "characters" / f"{name}.yaml"))

    assert len(questions) >= 120
    for one in questions:
        if one.answerable and one.file.endswith((".md", ".txt")):
            book = (shipped() / "data" / "knowledge" / one.file).read_text(encoding="utf-8")
            assert "".join(one.evidence.split()) in "".join(book.split()), one.question


def test_a_card_is_checked_together_with_its_questions(tmp_path: Path) -> None:
    card_naming(tmp_path, "q.jsonl")
    (missing,) = known_faults(tmp_path / "mira.yaml")
    assert "'q.jsonl' is neither beside the card nor in data/questions/" in str(missing)
    written(tmp_path / "q.jsonl", PLAIN, PLAIN | {"kind": "plane"})
    (wrong, *_) = known_faults(tmp_path / "mira.yaml")
    assert "is no kind (seen: 'plane')" in str(wrong)
    written(tmp_path / "q.jsonl", PLAIN)
    assert known_faults(tmp_path / "mira.yaml") == ()
    (tmp_path / "mira.yaml").write_text("schema: 1\n", encoding="utf-8")
    assert known_faults(tmp_path / "mira.yaml") == ()


def test_a_file_that_is_not_here_is_no_file(tmp_path: Path) -> None:
    assert questions_file(card_naming(tmp_path, None)) is None
    assert questions_file(card_naming(tmp_path, "q.jsonl")) is None
    path = written(tmp_path / "q.jsonl", PLAIN)
    assert questions_file(card_naming(tmp_path, "q.jsonl")) == path.resolve()
