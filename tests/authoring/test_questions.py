"""The general questions that ship: enough of them, each once, clean, and not all alike."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from roleplay.authoring.questions import read_questions
from roleplay.measures.duplicates import near_duplicates
from roleplay.paths import shipped
from roleplay.strictyaml import parse
from roleplay.text import clean

FILES = sorted((shipped() / "data" / "questions").glob("*.yaml"))


def opening(question: str, language: str, size: int = 1) -> str:
    """The first words of a question, or characters where words are not parted."""
    return question[:size] if language == "zh" else " ".join(question.lower().split()[:size])


def test_there_are_two_languages() -> None:
    assert [path.stem for path in FILES] == ["en", "zh"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_there_are_enough_questions_and_none_comes_twice(path: Path) -> None:
    questions = read_questions(path)
    assert len(questions) >= 170
    assert parse(path, typed=False).value == questions
    assert near_duplicates(questions, questions, 0.45) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_questions_are_clean_lines_of_a_length_to_be_read(path: Path) -> None:
    for question in read_questions(path):
        assert question == clean(question).strip()
        assert "\n" not in question
        assert "  " not in question
        assert "{" not in question
        assert 6 <= len(question) <= 100
        assert question[-1] in '。？吧！”.?!"'


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_question_opens_as_the_one_before_and_no_opening_rules(path: Path) -> None:
    questions = read_questions(path)
    firsts = [opening(question, path.stem) for question in questions]
    assert [pair for pair in pairwise(firsts) if pair[0] == pair[1]] == []
    assert max(Counter(opening(question, path.stem, 2) for question in questions).values()) <= 8


def test_languages_are_those_of_the_files() -> None:
    for path in FILES:
        chinese = [any("\u4e00" <= char <= "\u9fff" for char in question) for question in read_questions(path)]
        assert all(chinese) if path.stem == "zh" else not any(chinese)
