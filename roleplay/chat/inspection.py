"""What a person can look up about a reply: what was sent for it, and where each of its tokens comes from."""

from dataclasses import dataclass

from roleplay.chat.question import Question
from roleplay.generation.lanes import Lane


@dataclass(frozen=True)
class SentPart:
    """A part of what was sent."""

    name: str
    """`prefix ID`, `history`, `said before`, or `template`."""
    tokens: int
    """How many tokens it takes."""


@dataclass(frozen=True)
class Sent:
    """What one lane was sent."""

    lane: Lane
    """Which."""
    text: str
    """As the model saw it, control tokens included."""
    ids: tuple[int, ...]
    """Its token ids, (T,)."""
    tokens: tuple[str, ...]
    """Each id as text, (T,)."""
    parts: tuple[SentPart, ...]
    """What the ids are made of; they sum to T."""
    left_out: int
    """Turns at the beginning that the context has no room for."""
    room: int
    """Tokens of the context that are left for the reply."""


@dataclass(frozen=True)
class LookUp:
    """Asks what each lane of a question was sent."""

    question: Question
    """As it was asked."""


@dataclass(frozen=True)
class Weigh:
    """Asks how likely a reply's tokens are with the adapter, and without."""

    question: Question
    """What the reply answered; of its lanes the first counts."""
    reply: str
    """The reply."""


@dataclass(frozen=True)
class WeighedToken:
    """A token of a reply."""

    text: str
    """As it reads; a character of several tokens stands at its last."""
    persona: float
    """log p with the adapter, in nats."""
    base: float
    """log p of the base after the same prompt."""


@dataclass(frozen=True)
class Weighed:
    """A reply, token by token."""

    tokens: tuple[WeighedToken, ...]
    """Joined they are the reply."""
