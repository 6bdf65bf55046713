from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.corpora.forms.alpaca import Alpaca
from roleplay.corpora.forms.row import Drop, Speakers
from roleplay.corpora.forms.sharegpt import ShareGPT
from roleplay.corpora.sniff import FORMS, maker, sniff
from roleplay.text import clean
from tests.corpora.conftest import told

TOOL = "dropped: has a tool call, which a character cannot make"
NO_CHOICE = "dropped: has no two answers to choose from"
NO_TEXT = "dropped: has a turn that is not text"
HISTORY = "dropped: has a history that is not pairs of question and answer"


def made(form: str, row: Any, speakers: Speakers = Speakers()) -> str:
    """What a row becomes, or why it is dropped."""
    try:
        found = maker(form, [row], speakers)(row, "a:1")
    except Drop as reason:
        return f"dropped: {reason}"
    (line,) = told([found.value])
    return f"{line} ({found.merged} merged)" if found.merged else line


def asked(instruction: Any = "Q", answer: Any = "A", **more: Any) -> dict[str, Any]:
    return {"instruction": instruction, "input": "", "output": answer} | more


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (asked(), "user: Q | assistant: A"),
        (asked(" Q \n", "A\r\nB\n"), "user: Q | assistant: A\nB"),
        (asked(input="x"), "user: Q\nx | assistant: A"),
        (asked("", input="x"), "user: x | assistant: A"),
        (asked(None, input=None), "assistant: A"),
        ({"instruction": "Q", "output": "A"}, "user: Q | assistant: A"),
        ({"instruction": "Q", "response": "A"}, "user: Q | assistant: A"),
        (asked(system="S"), "system: S | user: Q | assistant: A"),
        (asked(system=""), "user: Q | assistant: A"),
        (
            asked(history=[["a", "b"], ["c", "d"]]),
            "user: a | assistant: b | user: c | assistant: d | user: Q | assistant: A",
        ),
        (asked(history='[["a", "b"]]'), "user: a | assistant: b | user: Q | assistant: A"),
        (asked(history=[["", "Hi."]]), "assistant: Hi. | user: Q | assistant: A"),
        (asked(history=None), "user: Q | assistant: A"),
        (asked(history=[["a"]]), HISTORY),
        (asked(history=["ab"]), HISTORY),
        (asked(history=[["a", ""]]), "dropped: has an empty answer"),
        (asked(history=[["a", "b"], ["", "d"]]), "dropped: has an empty question"),
        (asked(answer=""), "dropped: has an empty answer"),
        (asked(answer=" \u202e\u0007"), "dropped: has an empty answer"),
        (asked(answer=5), "dropped: has an output that is not text, so nothing to learn"),
        (asked(answer=None), "dropped: has an output that is not text, so nothing to learn"),
        (asked(5), "dropped: has a question that is not text"),
        (asked(["Q"]), "dropped: has a question that is not text"),
        (asked("\x1b[31mQ\u202e", "\ud800A"), "user: [31mQ | assistant: A"),
        ("Q", "dropped: is not an object"),
        (None, "dropped: is not an object"),
    ],
)
def test_an_alpaca_row(row: Any, expected: str) -> None:
    assert made("alpaca", row) == expected


def test_early_2024_joined_instruction_and_input_without_a_newline() -> None:
    assert made("alpaca-2024", asked("Q: ", input="x")) == "user: Q: x | assistant: A"
    assert Alpaca(joining="").make(asked("Q", input="x"), "").value == Alpaca().make(asked("Qx"), "").value


def test_alpaca_without_a_column_of_answers_is_raw_text() -> None:
    assert told([Alpaca(prompt="text", response=None).make({"text": "once\n"}, "").value]) == ["once"]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (asked(answer=["good", "bad"]), "user: Q > good > bad"),
        (asked(chosen="good", rejected="bad", system="S"), "system: S | user: Q > good > bad"),
        (asked(answer=["good"]), NO_CHOICE),
        (asked(answer=["good", 5]), "dropped: has an answer that is not text"),
        (asked(chosen="x", rejected="x "), "dropped: has two answers that are the same"),
        (asked("", chosen="x", rejected="y"), "dropped: has an empty question"),
    ],
)
def test_an_alpaca_row_of_a_ranking_is_a_pair(row: Any, expected: str) -> None:
    try:
        (line,) = told([Alpaca(ranking=True).make(row, "").value])
    except Drop as reason:
        line = f"dropped: {reason}"
    assert line == expected


def talk(*turns: Any, **more: Any) -> dict[str, Any]:
    """A ShareGPT row: turns such as `human: Hi`."""
    pairs = [turn.partition(": ") if isinstance(turn, str) else turn for turn in turns]
    return {"conversations": [{"from": p[0], "value": p[2]} if isinstance(p, tuple) else p for p in pairs]} | more


ODD = "dropped: has an odd number of turns"
WRONG = "dropped: has a turn by a wrong role where the {}'s is due"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (talk("human: Q", "gpt: A"), "user: Q | assistant: A"),
        (talk("user: Q", "assistant: A"), "user: Q | assistant: A"),
        (talk("human: Q", "gpt: A", "human: R", "gpt: B"), "user: Q | assistant: A | user: R | assistant: B"),
        (talk("system: S", "human: Q", "gpt: A", system="T"), "system: S | user: Q | assistant: A"),
        (talk("human: Q", "gpt: A", system="T"), "system: T | user: Q | assistant: A"),
        (talk("system: ", "human: Q", "gpt: A", system="T"), "user: Q | assistant: A"),
        (talk("human: ", "gpt: A", "human: R", "gpt: B"), "assistant: A | user: R | assistant: B"),
        (
            {"conversations": '[{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]'},
            "user: Q | assistant: A",
        ),
        (talk("human: Q"), ODD),
        (talk("human: Q", "gpt: A", "human: R"), ODD),
        (talk("human: Q", "human: R", "gpt: A"), WRONG.format("assistant")),
        (talk("gpt: A", "human: Q"), WRONG.format("user")),
        (talk("human: Q", "gpt: A", "system: S", "gpt: B"), WRONG.format("user")),
        (talk("human: Q", "narrator: A"), WRONG.format("assistant")),
        (talk("human: Q", {"value": "A"}), WRONG.format("assistant")),
        (talk("human: Q", {"from": ["gpt"], "value": "A"}), WRONG.format("assistant")),
        (talk("human: Q", "gpt: "), "dropped: has an empty answer"),
        (talk("human: Q", "gpt: A", "human: ", "gpt: B"), "dropped: has an empty question"),
        (talk("human: Q", {"from": "gpt"}), "dropped: has an empty answer"),
        (talk("human: Q", {"from": "gpt", "value": {"a": 1}}), NO_TEXT),
        (talk("human: Q", "function_call: {}", "observation: 3", "gpt: A"), TOOL),
        (talk("human: Q", 5), "dropped: has a message that is not an object"),
        (talk(), "dropped: has no messages"),
        ({"conversations": None}, "dropped: has no messages"),
        ({"conversations": {"from": "human"}}, "dropped: has no messages"),
        ({"conversations": "[" * 100_000}, "dropped: has no messages"),
    ],
)
def test_a_sharegpt_row(row: Any, expected: str) -> None:
    assert made("sharegpt", row) == expected


def test_sharegpt_under_the_names_of_openai() -> None:
    row = {"conversations": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}

    assert made("sharegpt", row) == "user: Q | assistant: A"


@pytest.mark.parametrize(
    ("better", "worse", "expected"),
    [
        ({"from": "gpt", "value": "good"}, {"from": "gpt", "value": "bad"}, "user: Q > good > bad"),
        ("good", "bad", "user: Q > good > bad"),
        ({"from": "human", "value": "good"}, {"from": "gpt", "value": "bad"}, NO_CHOICE),
        ({"from": "gpt", "value": ""}, {"from": "gpt", "value": "bad"}, "dropped: has an empty answer"),
        (None, None, "dropped: has a message that is not an object"),
    ],
)
def test_a_sharegpt_row_of_a_ranking_is_a_pair(better: Any, worse: Any, expected: str) -> None:
    try:
        (line,) = told([ShareGPT(ranking=True).make(talk("human: Q", chosen=better, rejected=worse), "").value])
    except Drop as reason:
        line = f"dropped: {reason}"
    assert line == expected


def chat(*turns: Any, **more: Any) -> dict[str, Any]:
    """A row of OpenAI messages: turns such as `user: Hi`."""
    pairs = [turn.partition(": ") if isinstance(turn, str) else turn for turn in turns]
    return {"messages": [{"role": p[0], "content": p[2]} if isinstance(p, tuple) else p for p in pairs]} | more


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (chat("user: Q", "assistant: A"), "user: Q | assistant: A"),
        (chat("system: S", "user: Q", "assistant: A"), "system: S | user: Q | assistant: A"),
        (chat("developer: S", "user: Q", "assistant: A"), "system: S | user: Q | assistant: A"),
        (chat("user: Q", "assistant: A", system="S"), "system: S | user: Q | assistant: A"),
        (chat("assistant: A", "user: Q"), "assistant: A | user: Q"),
        (chat("user: Q", "user: R", "assistant: A", "assistant: B"), "user: Q\nR | assistant: A\nB (2 merged)"),
        (chat("user: Q", {"role": "assistant", "content": [{"type": "text", "text": "A"}]}), "user: Q | assistant: A"),
        (chat({"role": "user", "content": [{"type": "image_url"}]}, "assistant: A"), NO_TEXT),
        (chat("user: Q", {"role": "assistant", "content": None, "tool_calls": [1]}), TOOL),
        (chat("user: Q", "tool: 3", "assistant: A"), TOOL),
        (chat("user: Q", "system: S", "assistant: A"), "dropped: has a system turn after the first"),
        (chat("user: Q", "critic: A"), "dropped: has a turn by an unknown role"),
        (chat("user: Q", {"content": "A"}), "dropped: has a turn by an unknown role"),
        (chat("user: Q"), "dropped: has no answer"),
        (chat("user: Q", "assistant: "), "dropped: has an empty answer"),
        (chat("system: S"), "dropped: has no answer"),
        (chat(), "dropped: has no messages"),
    ],
)
def test_a_row_of_openai_messages(row: Any, expected: str) -> None:
    assert made("messages", row) == expected


SCENE = {
    "messages": [
        {"role": "user", "speaker": "Sly", "content": "Q"},
        {"role": "assistant", "name": "Kate", "content": "A"},
        {"role": "user", "speaker": "Grumio", "content": "R"},
        {"role": "assistant", "name": "Kate", "content": "B"},
    ]
}


@pytest.mark.parametrize(
    ("speakers", "expected"),
    [
        (Speakers("Kate"), "user: Q | assistant: A | user: R | assistant: B"),
        (Speakers(" grumio "), "user: Q\nA | assistant: R | user: B (1 merged)"),
        (Speakers("user"), "assistant: Q | user: A | assistant: R | user: B"),
        (Speakers(None, "Sly"), "user: Q | assistant: A\nR\nB (2 merged)"),
        (Speakers("Kate", "Sly"), "dropped: has a turn by somebody else than the two speakers"),
        (Speakers("Nobody"), "dropped: has no turn by the speaker named with --me"),
    ],
)
def test_speakers_say_who_is_who(speakers: Speakers, expected: str) -> None:
    assert made("messages", SCENE, speakers) == expected


def test_speakers_of_sharegpt_may_be_its_tags() -> None:
    assert made("sharegpt", talk("human: Q", "gpt: A"), Speakers("human")) == "assistant: Q | user: A"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"prompt": "Q", "completion": "A"}, "user: Q | assistant: A"),
        ({"prompt": "Q", "response": "A", "system": "S"}, "system: S | user: Q | assistant: A"),
        ({"question": "Q", "answer": "A"}, "user: Q | assistant: A"),
        ({"prompt": "", "completion": "A"}, "assistant: A"),
        (
            {"prompt": [{"role": "user", "content": "Q"}], "completion": [{"role": "assistant", "content": "A"}]},
            "user: Q | assistant: A",
        ),
        ({"prompt": "Q", "completion": None}, "dropped: has a completion that is not text"),
        ({"prompt": 5, "completion": "A"}, "dropped: has a prompt that is not text"),
        ({"prompt": "Q", "completion": ""}, "dropped: has an empty answer"),
        ({"prompt": "Q"}, "dropped: has no prompt with a completion"),
    ],
)
def test_a_row_of_prompt_and_completion(row: Any, expected: str) -> None:
    assert made("prompt-completion", row) == expected


def said(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"prompt": "Q", "chosen": "good", "rejected": "bad"}, "user: Q > good > bad"),
        ({"question": "Q", "system": "S", "chosen": "good", "rejected": "bad"}, "system: S | user: Q > good > bad"),
        ({"instruction": "Q", "input": "x", "chosen": "good", "rejected": "bad"}, "user: Q\nx > good > bad"),
        ({"instruction": "Q", "input": "", "output": ["good", "bad"]}, "user: Q > good > bad"),
        (
            talk("human: Q", chosen={"from": "gpt", "value": "good"}, rejected={"from": "gpt", "value": "bad"}),
            "user: Q > good > bad",
        ),
        (
            {
                "prompt": [said("user", "Q")],
                "chosen": [said("assistant", "good")],
                "rejected": [said("assistant", "bad")],
            },
            "user: Q > good > bad",
        ),
        (
            {
                "chosen": [said("user", "Q"), said("assistant", "good")],
                "rejected": [said("user", "Q"), said("assistant", "bad")],
            },
            "user: Q > good > bad",
        ),
        (
            {
                "chosen": [said("user", "Q"), said("assistant", "good")],
                "rejected": [said("user", "R"), said("assistant", "bad")],
            },
            "dropped: has no question before its answers",
        ),
        ({"chosen": "good", "rejected": "bad"}, "dropped: has no question before its answers"),
        ({"prompt": "Q", "chosen": "good", "rejected": ""}, "dropped: has an empty answer"),
        ({"prompt": "Q", "chosen": "good", "rejected": 5}, NO_CHOICE),
        ({"prompt": "Q", "chosen": [said("user", "x")], "rejected": "bad"}, NO_CHOICE),
    ],
)
def test_a_preference_row(row: Any, expected: str) -> None:
    assert made("preference", row) == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([{"user": "Q"}, {"char": "A"}], "user: Q | assistant: A"),
        ([{"system": "S"}, {"user": "Q"}, {"char": "A"}], "system: S | user: Q | assistant: A"),
        ([{"user": "Q"}, {"user": "R"}, {"char": "A"}], "dropped: has two 'user' turns in a row"),
        ([{"user": "Q"}, {"cat": "A"}], "dropped: has a turn"),
        ({"user": "Q"}, "dropped: is not a list"),
    ],
)
def test_a_native_row_is_dropped_where_the_strict_reader_has_a_fault(row: Any, expected: str) -> None:
    assert made("native", row) == expected


def test_a_row_of_text() -> None:
    assert made("text", {"text": "\n one\ntwo \n"}) == " one\ntwo "
    assert made("text", {"text": "\x07"}) == "dropped: has an empty text"
    assert made("text", {"text": 5}) == "dropped: has a text that is not text"


NAMES = """
instruction input output history system conversations messages from value role content prompt completion chosen rejected
text mes name is_user is_system user char human gpt user_name tool_calls type
"""
KEYS = st.sampled_from(NAMES.split())
WORDS = st.sampled_from(["human", "gpt", "user", "assistant", "system", "char", "[", "[[]]", "", " ", "x\u202e"])
JSON = st.recursive(
    WORDS | st.none() | st.booleans() | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(JSON, st.sampled_from([Speakers(), Speakers("gpt"), Speakers("a", "b"), Speakers(None, "user")]))
def test_no_row_is_more_than_a_value_or_a_counted_drop(row: Any, speakers: Speakers) -> None:
    sniff([row])
    for form in FORMS:
        if form != "tavern-chat":
            line = made(form, row, speakers)
            assert clean(line) == line
