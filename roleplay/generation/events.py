"""What generation tells its reader, and how the reader stops it."""

from collections.abc import Callable
from dataclasses import dataclass

from roleplay.generation.lanes import Lane


@dataclass(frozen=True)
class Piece:
    """Text that a lane has just said."""

    lane: Lane
    """Who said it."""
    text: str
    """Whole characters only."""
    tokens: int
    """Tokens the lane has generated so far."""
    seconds: float
    """Since generation began."""


@dataclass(frozen=True)
class Finished:
    """A lane has nothing more to say."""

    lane: Lane
    """Which."""
    text: str
    """The whole reply."""
    tokens: int
    """Tokens generated, the end of turn included."""
    stopped: str
    """`end` by itself, `length` at the limit, `cancelled` by the person."""
    seconds: float
    """Since generation began."""
    row: int = 0
    """Which of the prompts it answers."""


Event = Piece | Finished


class Cancel:
    """A switch that stops one lane, or all, at the next token."""

    def __init__(self) -> None:
        self.lanes: set[Lane] = set()
        self.all = False
        self.listener: Callable[[Lane | None], None] | None = None
        """Told of every stop, for a generation that cannot look here: one in another process."""

    def stop(self, lane: Lane | None = None) -> None:
        """Stop `lane`; `None` stops every lane."""
        if lane is None:
            self.all = True
        else:
            self.lanes.add(lane)
        listener = self.listener  # another thread may take it away at any time
        if listener is not None:
            listener(lane)

    def holds(self, lane: Lane) -> bool:
        """Whether `lane` is to stop."""
        return self.all or lane in self.lanes
