"""What a conversation consists of, as plain values."""

from dataclasses import dataclass, field

from roleplay.dialogue import Role
from roleplay.knowledge.passage import Recalled


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
    parent: "Said | None" = field(default=None, compare=False, repr=False)
    """The turn it follows; `None` for the first."""
    beside: bool = False
    """Whether a lane for comparison said it: it stands beside the conversation until it is taken over."""
    taken: bool = False
    """Whether it stood beside, and was taken over."""
    origin: "Said | None" = field(default=None, compare=False, repr=False)
    """The turn it was edited from; `None` where it is nobody's edit."""
    drawn: str = field(default="", compare=False)
    """How the reply was drawn, as JSON: sampling, strength, base and adapter; empty where it was not generated."""
    recalled: tuple[Recalled, ...] = field(default=(), compare=False, repr=False)
    """Passages that stood before the person's turn when it was drawn; forgotten when the program ends."""
    deleted: bool = False
    """Whether the person deleted it; it is kept, so that this can be undone."""
    id: int | None = None
    """Its number in the store; `None` until it is there."""
    kept: "tuple[str, str | None, bool, bool] | None" = field(default=None, compare=False)
    """`state` as the store has it."""

    @property
    def state(self) -> "tuple[str, str | None, bool, bool]":
        """What of it can change: text, `stopped`, `beside`, `deleted`."""
        return self.text, self.stopped, self.beside, self.deleted

    @property
    def wordless(self) -> bool:
        """Whether it is a reply that has not begun, or was broken off before its first word."""
        return self.lane is not None and not self.text.strip() and self.stopped in ("cut", "cancelled")

    @property
    def can_continue(self) -> bool:
        """Whether it is a reply that ended before its end."""
        return self.lane is not None and bool(self.text) and self.stopped in ("length", "cancelled", "cut")


@dataclass(frozen=True)
class Exchange:
    """A turn of the person with what was answered, as a screen shows them together."""

    user: Said | None
    """The person's turn; `None` for a greeting."""
    reply: Said | None
    """The conversation's own reply; `None` while there is none."""
    beside: tuple[Said, ...] = ()
    """What lanes for comparison answered, the newest of each."""
    user_way: tuple[int, int] = (1, 1)
    """The person's turn is the how-manieth of how many at this place."""
    reply_way: tuple[int, int] = (1, 1)
    """So is the reply."""
