"""What a reward sees of a reply."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from roleplay.dialogue import Turn


@dataclass(frozen=True)
class Judged:
    """A drawn reply, with what it answers."""

    turns: tuple[Turn, ...]
    """The conversation before it; the last turn is the user's."""
    text: str
    """The reply, without surrounding white space; may be empty."""
    stopped: bool
    """Whether it ended by itself, not at its limit."""
    prompt_ids: tuple[int, ...] = ()
    """Tokens of the prompt it answers, as the model was asked."""
    reply_ids: tuple[int, ...] = ()
    """Its tokens, with the end of turn where it stopped."""


Judge = Callable[[Sequence[Judged]], list[float]]
"""A number for each reply, the higher the better; all of the replies of a step at once."""
