"""The general questions that ship can be answered, checked and told from what is trained; a broken list is refused."""

import re
from collections import Counter
from pathlib import Path

import pytest

from roleplay.authoring.questions import read_questions
from roleplay.errors import FileFaults, NotFound
from roleplay.evaluation.general import General, general_questions, languages, read_general
from roleplay.measures.answered import answered
from roleplay.measures.near_texts import letters
from roleplay.paths import shipped
from roleplay.text import clean

DATA = shipped() / "data"
SHIPPED = [general for language in languages() for general in general_questions(language)]
NUMERAL = re.compile("[〇零一二三四五六七八九十百千万两]")


def write(folder: Path, text: str) -> Path:
    path = folder / "en.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_chinese_and_english_ship_with_enough_questions() -> None:
    assert languages() == ["en", "zh"]
    counts = Counter(general.language for general in SHIPPED)
    assert min(counts.values()) >= 85
    assert counts.total() >= 150


def test_no_question_comes_twice() -> None:
    found = Counter(letters(general.question) for general in SHIPPED)
    assert [text for text, count in found.items() if count > 1] == []


def test_no_question_is_one_that_replay_trains() -> None:
    trained = {letters(text) for path in (DATA / "questions").glob("*.yaml") for text in read_questions(path)}
    assert trained
    assert [general.question for general in SHIPPED if letters(general.question) in trained] == []


def test_no_question_is_asked_in_what_the_base_and_the_characters_were_trained_on() -> None:
    files = [path for folder in ("pocket/chats", "corpora") for path in (DATA / folder).rglob("*") if path.is_file()]
    trained = letters("".join(path.read_text(encoding="utf-8") for path in files))
    assert trained
    assert [general.question for general in SHIPPED if letters(general.question) in trained] == []


def test_no_question_holds_its_answer() -> None:
    assert [general for general in SHIPPED if answered(general.question, general.accept).right] == []


def test_questions_and_answers_are_clean_lines() -> None:
    for general in SHIPPED:
        for text in (general.question, *general.accept):
            assert text == clean(text).strip()
            assert "\n" not in text
        assert 5 <= len(general.question) <= 90
        assert general.question[-1] in "?？.。…"


def test_answers_are_short_and_none_stands_twice() -> None:
    for general in SHIPPED:
        assert max(len(answer) for answer in general.accept) <= 20, general
        assert len({answer.casefold() for answer in general.accept}) == len(general.accept), general


def test_no_answer_is_a_single_chinese_numeral_which_stands_in_many_wrong_ones() -> None:
    assert [general for general in SHIPPED for answer in general.accept if NUMERAL.fullmatch(answer)] == []


def test_each_list_is_in_its_language() -> None:
    for general in SHIPPED:
        assert any("\u4e00" <= char <= "\u9fff" for char in general.question) == (general.language == "zh")


@pytest.mark.parametrize(("tag", "expected"), [("en", {"en"}), ("en-GB", {"en"}), ("ZH_hant", {"zh"}), ("zh", {"zh"})])
def test_a_language_tag_finds_its_list(tag: str, expected: set[str]) -> None:
    assert {general.language for general in general_questions(tag)} == expected


@pytest.mark.parametrize("tag", ["fr", "", "zhx"])
def test_a_language_without_a_list_is_asked_in_all_and_the_questions_say_so(tag: str) -> None:
    assert general_questions(tag) == SHIPPED


def test_an_installation_without_lists_is_a_named_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roleplay.evaluation.general.shipped", lambda: tmp_path)
    with pytest.raises(NotFound, match=r"no general questions in .*install roleplay again"):
        general_questions("en")


def test_numbers_are_answers_as_they_are_written(tmp_path: Path) -> None:
    path = write(tmp_path, '- {question: "When is it over?", accept: [9.30, 007, no, " half past "]}\n')
    assert read_general(path) == [General("When is it over?", ("9.30", "007", "no", "half past"), "en")]


def test_all_faults_of_a_file_are_named_with_their_lines(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """\
# a list
- {question: "How many?", accept: [3]}
- {question: "How many?", acept: [3]}
- {question: " ", accept: []}
- {question: [a, b], accept: three}
- How many?
- question: "How many?"
  accept:
    - three
    - ""
""",
    )
    with pytest.raises(FileFaults) as caught:
        read_general(path)
    told = [(fault.line, fault.key, fault.problem) for fault in caught.value.faults]
    assert told == [
        (3, "[1].accept", "is missing"),
        (3, "[1].acept", "is not a key of a question"),
        (4, "[2].question", "is empty"),
        (4, "[2].accept", "is empty"),
        (5, "[3].question", "is not text (seen: ['a', 'b'])"),
        (5, "[3].accept", "is not a list (seen: 'three')"),
        (6, "[4]", "is not a question with its answers (seen: 'How many?')"),
        (10, "[5].accept[1]", "is empty"),
    ]
    assert caught.value.faults[1].remedy == "did you mean 'accept'?"
    assert all(fault.remedy for fault in caught.value.faults)


@pytest.mark.parametrize("text", ["", "question: How many?\n", "[]\n"])
def test_a_file_that_is_no_list_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(FileFaults, match=r"en\.yaml:1: is no list of questions"):
        read_general(write(tmp_path, text))
