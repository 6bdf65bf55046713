"""Text that ends where one of the given strings comes; what could be the beginning of one is held back."""

from collections.abc import Sequence


class StopText:
    """One reply as its reader may see it."""

    def __init__(self, stops: Sequence[str]) -> None:
        self.stops = tuple(stops)
        self.held = ""
        """Not told yet, since a stop may begin within it."""
        self.stopped = False
        """Whether a stop has come; nothing follows it."""

    def push(self, text: str) -> str:
        """What may be told now that `text` has come."""
        if self.stopped:
            return ""
        self.held += text
        found = [(at + len(stop), at) for stop in self.stops if (at := self.held.find(stop)) >= 0]
        if found:  # the one that is whole first, however the text comes in pieces
            self.stopped = True
            return self._told(min(found)[1], forget=True)
        return self._told(len(self.held) - self._beginning())

    def close(self) -> str:
        """What was held back, when nothing follows."""
        return "" if self.stopped else self._told(len(self.held))

    def _told(self, until: int, *, forget: bool = False) -> str:
        told, self.held = self.held[:until], "" if forget else self.held[until:]
        return told

    def _beginning(self) -> int:
        """Length of the longest end of what is held that a stop begins with."""
        most = min(len(self.held), max(map(len, self.stops), default=1) - 1)
        return next((n for n in range(most, 0, -1) if any(stop.startswith(self.held[-n:]) for stop in self.stops)), 0)
