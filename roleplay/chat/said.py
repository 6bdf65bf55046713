"""What a conversation consists of, as plain values."""

from dataclasses import dataclass

from roleplay.dialogue import Role


@dataclass
class Said:
    """A turn as the chat shows it."""

    role: Role
    """`user` or `assistant`."""
    text: str
    """What was said."""
    lane: str | None = None
    """Who answered; `None` for the person and for greetings."""
    prefixes: tuple[str, ...] = ()
    """Prefixes that were sent for this reply."""
    stopped: str | None = None
    """How the reply ended: `end`, `length`, `cancelled`, or `cut` by a failure; `None` where it was not generated."""
    id: int | None = None
    """Its number in the store; `None` until it is there."""
    kept: tuple[str, str | None] | None = None
    """Text and `stopped` as the store has them."""


@dataclass(frozen=True)
class Exchange:
    """A turn of the person with what was answered, as a screen shows them together."""

    user: Said | None
    """The person's turn; `None` for a greeting."""
    reply: Said | None
    """The conversation's own reply; `None` while there is none."""
    beside: Said | None
    """What a lane for comparison answered; `None` where none was asked."""
