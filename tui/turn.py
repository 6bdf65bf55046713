"""One turn in the conversation: who, in the margin how it came about, and what was said."""

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from roleplay.chat.said import Said
from tui.markdown import Spoken
from tui.messages import Marked
from tui.names import Names
from tui.plain import plain

_ENDS = {"cancelled": "stopped", "cut": "cut off", "length": "reached the limit"}


class Margin(Static):
    """The line above a turn; a click marks the turn."""

    ALLOW_SELECT = False

    def on_click(self, event: events.Click) -> None:
        """Pass on which turn was meant."""
        event.stop()
        if isinstance(self.parent, UserTurn | Reply) and self.parent.said is not None:
            self.post_message(Marked(self.parent.said))


class UserTurn(Vertical):
    """What the person said, as it was said."""

    def __init__(self, names: Names, said: Said, way: tuple[int, int] = (1, 1)) -> None:
        super().__init__(classes="turn user")
        self.names, self.said, self.way = names, said, way
        self.margin = Margin(self._margin(), classes="margin")

    def compose(self) -> ComposeResult:
        """Name, then text."""
        yield self.margin
        yield Static(plain(self.said.text), classes="said")

    def rename(self, names: Names) -> None:
        """Call the person by another name."""
        if names.user != self.names.user:
            self.names = names
            self.margin.update(self._margin())

    def _margin(self) -> Content:
        return Content("  ").join([plain(self.names.user, "bold"), *_ways(self.said, self.way)])


class Reply(Vertical):
    """A reply in Markdown; in its margin who answered, the prefixes that were sent, and how it ended."""

    def __init__(self, names: Names, said: Said | None, way: tuple[int, int] = (1, 1)) -> None:
        super().__init__(classes="turn persona")
        self.names, self.said, self.way = names, said, way
        self.margin = Margin(self._margin(), classes="margin")
        self.spoken = Spoken(said.text if said is not None else "")
        self.set_class(said is None, "-empty")

    def compose(self) -> ComposeResult:
        """Margin, then text."""
        yield self.margin
        yield self.spoken

    def rename(self, names: Names) -> None:
        """Call who answers by another name."""
        if names != self.names:
            self.names = names
            self._set(self.said, self.way)

    def begin(self, said: Said) -> None:
        """A reply is under way: `said` has its prefixes, and what it goes on from."""
        self._set(said, (1, 1))

    async def finish(self, said: Said | None, way: tuple[int, int] = (1, 1)) -> None:
        """The reply is whole, or gone: draw it once more from its source."""
        self._set(said, way)
        await self.spoken.finish(said.text if said is not None else "")

    def _set(self, said: Said | None, way: tuple[int, int]) -> None:
        self.said, self.way = said, way
        self.set_class(said is None, "-empty")
        self.margin.update(self._margin())

    def _margin(self) -> Content:
        if self.said is None:
            return Content("  ").join([plain(self.names.character, "bold"), plain("…", "dim")])
        lane = None if self.said.taken else self.said.lane
        return Content("  ").join(
            [plain(self.names.of(lane), "bold"), *account(self.said), *_ways(self.said, self.way)]
        )


def account(said: Said) -> list[Content]:
    """How a reply came about: the prefixes that were sent, and how it ended; nothing of a greeting."""
    if said.lane is None:
        return []
    parts = [plain(" ".join(said.prefixes) or "no prefix", "dim")]
    if not said.text and said.stopped in ("end", "length"):
        parts.append(plain("said nothing", "dim italic"))
    elif said.stopped in _ENDS:
        parts.append(plain(_ENDS[said.stopped], "dim italic"))
    return parts


def _ways(said: Said, way: tuple[int, int]) -> list[Content]:
    """Where else the conversation could go here, and whether this turn was always so."""
    parts = []
    if said.taken:
        parts.append(plain(f"taken from {said.lane}", "dim italic"))
    if said.origin is not None:
        parts.append(plain("edited", "dim italic"))
    if way[1] > 1:
        parts.append(plain(f"{way[0]}/{way[1]}", "dim"))
    return parts
