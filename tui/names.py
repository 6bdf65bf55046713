"""What a lane is called on the screen."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Names:
    """Who takes part in a chat."""

    user: str = ""
    """The person."""
    character: str = ""
    """The character."""
    base: str = "base"
    """The base, once it is known."""
    tuned: bool = False
    """Whether the character has an adapter; without one the base speaks for it."""

    def of(self, lane: str | None, *, beside: bool = False) -> str:
        """Who says what `lane` says; `beside` the conversation a base is never called by the character's name."""
        lane = lane or ""
        if lane.startswith("@"):
            return lane[1:]
        if lane.startswith("base"):
            return self.base if self.tuned or beside else self.character
        which = lane.removesuffix("+prefix").partition("@")[2]
        return f"{self.character} {which}".rstrip()
