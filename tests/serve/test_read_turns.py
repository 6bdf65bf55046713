"""Messages of any client become turns that a chat could have had."""

import pytest

from roleplay.dialogue import Turn
from roleplay.serve.refusal import Refusal
from roleplay.serve.turns import read_turns
from roleplay.serve.wire import Message

Spoken = tuple[str, str]


def messages(*spoken: Spoken) -> list[Message]:
    return [Message.model_validate({"role": role, "content": text}) for role, text in spoken]


@pytest.mark.parametrize(
    ("spoken", "turns", "said"),
    [
        ([("user", "a")], ["user a"], ""),
        ([("user", "a"), ("assistant", "b"), ("user", "c")], ["user a", "assistant b", "user c"], ""),
        ([("assistant", "b"), ("user", "c")], ["assistant b", "user c"], ""),
        ([("user", "a"), ("assistant", "b")], ["user a"], "b"),
        ([("user", "a"), ("assistant", "b "), ("assistant", "c")], ["user a"], "b \n\nc"),
        ([("user", "a"), ("user", "b")], ["user a\n\nb"], ""),
        ([("system", "s"), ("developer", "t"), ("user", "a")], ["system s\n\nt", "user a"], ""),
        ([("developer", "s"), ("user", "a")], ["system s", "user a"], ""),
        (
            [("user", "a"), ("assistant", "b"), ("system", "s"), ("user", "c")],
            ["user a", "assistant b", "user s\n\nc"],
            "",
        ),
        ([("user", "a"), ("system", "s")], ["user s\n\na"], ""),
        ([("user", "a"), ("assistant", "b"), ("system", "s")], ["user s\n\na"], "b"),
        ([("user", "a"), ("system", "s"), ("system", "t"), ("user", "b")], ["user a\n\ns\n\nt\n\nb"], ""),
        ([("system", ""), ("user", " \n"), ("user", "a"), ("assistant", "")], ["user a"], ""),
        ([("assistant", "b")], [], "b"),
        ([("system", "s"), ("assistant", "b")], ["system s"], "b"),
        ([("user", "a\x00\x1b[2J\r\nb\u202e")], ["user a[2J\nb"], ""),
    ],
)
def test_turns_of_messages(spoken: list[Spoken], turns: list[str], said: str) -> None:
    read, begun = read_turns(messages(*spoken))
    assert [f"{turn.role} {turn.text}" for turn in read] == turns
    assert begun == said


def test_parts_of_a_message_are_one_text() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    read, _ = read_turns([Message.model_validate({"role": "user", "content": parts})])
    assert read == (Turn("user", "ab"),)


@pytest.mark.parametrize(
    "spoken", [[("system", "s")], [("user", "")], [("user", "\x00\n"), ("developer", "s")]], ids=str
)
def test_without_a_word_to_answer_the_messages_are_refused(spoken: list[Spoken]) -> None:
    with pytest.raises(Refusal, match="nothing to answer") as refused:
        read_turns(messages(*spoken))
    assert (refused.value.status, refused.value.param, refused.value.code) == (400, "messages", "empty")


def test_what_the_system_says_late_to_a_conversation_without_a_person_stands_at_its_head() -> None:
    said = [("assistant", "Soup's on."), ("system", "Be brief.")]
    assert read_turns(messages(*said)) == ((Turn("system", "Be brief."),), "Soup's on.")
    said = [("system", "It rains."), *said]
    assert read_turns(messages(*said)) == ((Turn("system", "It rains.\n\nBe brief."),), "Soup's on.")
