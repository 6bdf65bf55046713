"""What a conversation asks of whoever answers, and what it hears back."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from roleplay.dialogue import Turn
from roleplay.generation.events import Cancel, Event
from roleplay.generation.lanes import Lane
from roleplay.generation.settings import Sampling


@dataclass(frozen=True)
class Ask:
    """One lane that is to answer."""

    lane: Lane
    """Who answers."""
    prefixes: tuple[str, ...]
    """Ids of the prefixes to send."""
    start: int
    """Turn at which the history sent began the last time."""


@dataclass(frozen=True)
class Question:
    """A conversation that waits for a reply."""

    turns: tuple[Turn, ...]
    """The whole history; the last turn is the person's."""
    asks: tuple[Ask, ...]
    """Lanes, in the order of their replies."""
    sampling: Sampling
    """How replies are drawn."""


@dataclass(frozen=True)
class Asked:
    """What a lane is about to answer."""

    lane: Lane
    """Who answers."""
    prefixes: tuple[str, ...]
    """Prefixes sent."""
    start: int
    """First turn of the history that was sent; it moves only when the context is full, as in training."""
    ids: tuple[int, ...]
    """Token ids sent, (T,)."""


Heard = Asked | Event
"""First one Asked a lane, then pieces, and one Finished a lane."""


class Answers(Protocol):
    """Whoever answers: a model in this process, or one in another."""

    def answer(self, question: Question, cancel: Cancel | None = None) -> Iterator[Heard]:
        """Stream the replies. Closing the iterator cancels. Raises RoleplayError."""
        ...
