"""How far back a conversation is rendered at most: so many tokens hold only so many characters."""

import itertools
from collections.abc import Sequence

from roleplay.dialogue import Turn
from roleplay.serve.refusal import Refusal

CHARACTERS = 32
"""Of a token at most, on average of a prompt; text has one to five."""


def reach(turns: Sequence[Turn], said: str, start: int, context: int) -> int:
    """First turn that so many tokens could hold: `start`, else a later one of the person.

    What is longer would be tokenized, in seconds and megabytes, only to be left out. Raises Refusal where the person's
    last turn is too long by itself, with what the system says and what the reply begins with.
    """
    most = context * CHARACTERS
    room = most - len(said) - sum(len(turn.text) for turn in turns[:1] if turn.role == "system")
    lengths = itertools.accumulate((len(turn.text) for turn in reversed(turns)), initial=0)
    behind = list(lengths)[::-1]  # characters from each turn on
    borders = (at for at in range(start, len(turns)) if turns[at].role == "user" and behind[at] <= room)
    first = start if behind[start] <= room else next(borders, None)
    if first is None:
        raise Refusal(
            400,
            f"the newest message is too long: {context} tokens, which the base takes, hold {most} characters at the "
            "very most; shorten it",
            "messages",
            "context_length_exceeded",
        )
    return first
