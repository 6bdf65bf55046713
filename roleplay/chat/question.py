"""What a conversation asks of whoever answers, and what it hears back."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from roleplay.cards.model import Card
from roleplay.dialogue import Turn
from roleplay.generation.events import Cancel, Event
from roleplay.generation.lanes import Lane
from roleplay.generation.settings import Sampling
from roleplay.knowledge.passage import Recalled


@dataclass(frozen=True)
class Ask:
    """One lane that is to answer."""

    lane: Lane
    """Who answers."""
    prefixes: tuple[str, ...]
    """Ids of the prefixes to send."""
    start: int
    """Turn at which the history sent began the last time."""
    turns: tuple[Turn, ...]
    """The history as this lane knows it, from its first turn; the last one is the person's."""
    said: str = ""
    """What the lane has said of its reply already; it goes on from there."""


@dataclass(frozen=True)
class Question:
    """A conversation that waits for a reply."""

    asks: tuple[Ask, ...]
    """Lanes, in the order of their replies."""
    sampling: Sampling
    """How replies are drawn."""
    strength: float = 1.0
    """Of the adapter, in every lane that has it; 0 is the base."""
    adapter: str = ""
    """Label of the adapter that answers for the character; empty for the one that was opened."""
    card: Card | None = None
    """The card as this chat was begun with; `None` where that is the one that was loaded."""
    pinned: tuple[str, ...] = ()
    """Identities of passages that always come to mind."""
    excluded: tuple[str, ...] = ()
    """Identities of passages that never do."""


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
    """Token ids sent, (T,); empty where another program tokenises."""
    recalled: tuple[Recalled, ...] = ()
    """Passages that stand in it."""


@dataclass(frozen=True)
class Unanswered:
    """A lane beside the conversation could not answer; the others go on."""

    lane: Lane
    """Which."""
    problem: str
    """What happened and what to do."""


Heard = Asked | Event | Unanswered
"""First one Asked a lane, then pieces, and one Finished a lane; or one Unanswered in their place."""


class Answers(Protocol):
    """Whoever answers: a model in this process, or one in another."""

    def answer(self, question: Question, cancel: Cancel | None = None) -> Iterator[Heard]:
        """Stream the replies. Closing the iterator cancels. Raises RoleplayError."""
        ...
