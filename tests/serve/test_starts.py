"""Where a history that grew too long began is found again, by its turns."""

import pytest

from roleplay.dialogue import Turn
from roleplay.serve.reach import CHARACTERS, reach
from roleplay.serve.refusal import Refusal
from roleplay.serve.starts import Starts


def turns(count: int, text: str = "") -> tuple[Turn, ...]:
    """Alternating, the person's first."""
    return tuple(Turn("user" if at % 2 == 0 else "assistant", text or f"turn {at}") for at in range(count))


def test_a_conversation_that_went_on_is_known_by_its_longest_answered_beginning() -> None:
    starts = Starts()
    starts.remember("yui", turns(7), 2)
    starts.remember("yui", turns(11), 6)

    assert [starts.find("yui", turns(n)) for n in (5, 6, 7, 9, 11, 13)] == [0, 0, 2, 2, 6, 6]
    assert starts.find("dot", turns(13)) == 0
    assert starts.find("yui", (Turn("user", "another"), *turns(13)[1:])) == 0


def test_an_answer_from_the_beginning_needs_no_memory() -> None:
    starts = Starts()
    starts.remember("yui", turns(7), 0)
    assert (starts.find("yui", turns(7)), len(starts._starts)) == (0, 0)


def test_roles_tell_conversations_apart() -> None:
    starts = Starts()
    starts.remember("yui", (Turn("user", "a"), Turn("user", "b")), 1)
    assert starts.find("yui", (Turn("user", "a"), Turn("assistant", "b"))) == 0


def test_those_not_used_for_long_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roleplay.serve.starts._KNOWN", 2)
    starts = Starts()
    talks = [(Turn("user", name),) for name in "abc"]
    for talk in talks[:2]:
        starts.remember("yui", talk, 1)
    assert starts.find("yui", talks[0]) == 1
    starts.remember("yui", talks[2], 1)

    assert [starts.find("yui", talk) for talk in talks] == [1, 0, 1]


def test_what_no_context_could_hold_is_not_rendered() -> None:
    long = turns(9, "x" * CHARACTERS)  # each as long as one token at most

    assert reach(long, "", 0, 9) == 0
    assert reach(long, "", 0, 8) == 2, "eight hold the last eight, and the first of them the person did not say"
    assert reach(long, "", 0, 1) == 8
    assert reach(long, "", 4, 8) == 4
    assert reach(long, "y" * CHARACTERS, 0, 8) == 2
    assert reach((Turn("system", "x" * CHARACTERS), *long), "", 0, 4) == 7
    assert reach((), "y", 0, 1) == 0


@pytest.mark.parametrize(
    ("conversation", "said"),
    [
        (turns(1, "x" * (CHARACTERS * 4 + 1)), ""),
        (turns(1), "y" * CHARACTERS * 4),
        ((), "y" * (CHARACTERS * 4 + 1)),
        ((Turn("system", "x" * CHARACTERS * 4), *turns(1)), ""),
    ],
)
def test_a_turn_that_no_context_could_hold_is_refused(conversation: tuple[Turn, ...], said: str) -> None:
    with pytest.raises(Refusal, match="4 tokens, which the base takes, hold 128 characters") as refused:
        reach(conversation, said, 0, 4)
    assert (refused.value.status, refused.value.code) == (400, "context_length_exceeded")
