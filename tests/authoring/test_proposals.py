"""What is read out of a model's answers."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.authoring.grade import Grades, read_grades
from roleplay.authoring.proposals import read_proposals
from roleplay.cards.model import Card
from roleplay.dialogue import Dialogue

CARD = Card.model_validate(
    {"schema": 1, "name": "pell", "display_name": "Pell", "user_name": "Tom", "language": "en"}, by_alias=True
)
HI = [("user", "Hi."), ("assistant", "Yes?")]
BYE = [("user", "Bye."), ("assistant", "So?")]
JSON = '{"dialogues": [[{"user": "Hi."}, {"char": "Yes?"}], [{"user": "Bye."}, {"char": "So?"}]]}'


def turns(dialogues: list[Dialogue]) -> list[list[tuple[str, str]]]:
    return [[(turn.role, turn.text) for turn in dialogue.turns] for dialogue in dialogues]


@pytest.mark.parametrize(
    "text",
    [
        JSON,
        f"Here you are:\n```json\n{JSON}\n```\nAnything else?",
        f"<think>Perhaps {{this}} or [[that]]: {JSON.replace('Hi', 'No')}</think>\n{JSON}",
        JSON.replace("]]", "],]").replace('"Yes?"}', '"Yes?",}'),
        '[[{"user": "Hi."}, {"char": "Yes?"}], [{"user": "Bye."}, {"char": "So?"}]]',
        '[{"user": "Hi."}, {"char": "Yes?"}]\n[{"user": "Bye."}, {"char": "So?"}]',
        '[{"question": "Hi.", "answer": "Yes?"}, {"Question": "Bye.", "Answer": "So?", "source": "p. 3"}]',
        '{"pairs": [{"Tom": "Hi.", "Pell": "Yes?"}], "dialogues": [[{"speaker": "Tom", "text": "Bye."}, '
        '{"speaker": "pell", "text": "So?"}]]}',
        '{"conversations": [[{"from": "human", "value": "Hi."}, {"from": "gpt", "value": "Yes?"}], '
        '[{"role": "user", "content": "Bye."}, {"role": "assistant", "content": "So?"}]]}',
    ],
)
def test_dialogues_are_found_in_every_usual_wrapping(text: str) -> None:
    dialogues, faults = read_proposals(text, CARD, "book:0-9")
    assert (turns(dialogues), faults) == ([HI, BYE], [])
    assert dialogues[0].source == "book:0-9"


def test_what_was_whole_before_the_cut_is_kept() -> None:
    dialogues, faults = read_proposals(JSON[: JSON.index("So?")], CARD, "")
    assert (turns(dialogues), faults) == ([HI], ["no dialogue"])


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", ["no JSON"]),
        ("I cannot do that.", ["no JSON"]),
        ("{}", ["no dialogue"]),
        ('{"dialogues": []}', ["no dialogue"]),
        ('[[{"user": "Hi."}], [{"user": "Hi."}, {"char": ""}]]', ["no dialogue"] * 2),
        ('[[{"user": "Hi."}, {"goat": "Bleat."}]]', ["no dialogue"]),
        ('[{"user": 3, "char": ["x"]}]', ["no dialogue"]),
        ("[" * 5000, ["no JSON"]),
        ("[" * 900 + "]" * 900, ["no dialogue"]),
        ('{"a":' * 300 + "1" + "}" * 300, ["no dialogue"]),
        ('["\\ud800"]', ["no dialogue"]),
    ],
)
def test_what_is_no_dialogue_is_counted_with_its_reason(text: str, faults: list[str]) -> None:
    assert read_proposals(text, CARD, "") == ([], faults)


def test_turns_in_a_row_are_joined_and_a_last_question_falls_off() -> None:
    text = '[{"user": "Hi.\\u202e"}, {"char": "Yes?"}, {"char": "What?"}, {"user": "Well"}]'
    dialogues, faults = read_proposals(text, CARD, "")
    assert (turns(dialogues), faults) == ([[("user", "Hi."), ("assistant", "Yes?\nWhat?")]], [])


@given(
    st.text(max_size=80)
    | st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5), st.lists, max_leaves=9).map(
        json.dumps
    )
    | st.integers(0, len(JSON)).map(lambda at: JSON[:at] + "[" + JSON[at:])
)
def test_no_answer_breaks_the_readers(text: str) -> None:
    dialogues, faults = read_proposals(text, CARD, "")
    assert dialogues or faults
    assert all(dialogue.turns[-1].role == "assistant" for dialogue in dialogues)
    grades = read_grades(text)
    assert grades is None or 0 <= grades.voice <= 10


@pytest.mark.parametrize(
    "text",
    [
        '{"voice": 8, "faithfulness": 9}',
        'Fine.\n```json\n{"Voice": "8/10", "Faithfulness": "9", "why": "x"}\n```',
        '{"voice": {"score": 8.0, "why": "…"}, "faithfulness": {"score": 9}}',
        "Voice: 8/10\nFaithfulness: 9/10",
        "**voice**: 8, **faithfulness**: 9",
        '<think>{"voice": 1, "faithfulness": 1}</think>{"voice": 8, "faithfulness": 9}',
        '{"voice": 8, "faithfulness": 9',
    ],
)
def test_grades_are_read_however_they_are_written(text: str) -> None:
    assert read_grades(text) == Grades(8, 9)


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"voice": 8}',
        '{"voice": 8, "faithfulness": 11}',
        '{"voice": -1, "faithfulness": 9}',
        '{"voice": NaN, "faithfulness": 9}',
        '{"voice": true, "faithfulness": 9}',
        '{"voice": null, "faithfulness": 9}',
        "Voice: 80\nFaithfulness: 9",
        "Voice: 8 or voice: 9? Faithfulness: 9",
    ],
)
def test_grades_that_are_none_are_none(text: str) -> None:
    assert read_grades(text) is None


@pytest.mark.parametrize(
    ("grades", "shortfall"),
    [
        (Grades(8, 7.5), ""),
        (Grades(7, 8), "voice"),
        (Grades(8, 7), "faithfulness"),
        (Grades(0, 0), "voice and faithfulness"),
    ],
)
def test_both_grades_have_to_be_above_the_threshold(grades: Grades, shortfall: str) -> None:
    assert grades.shortfall(7) == shortfall
