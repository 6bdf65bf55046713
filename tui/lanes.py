"""The lanes beside the conversation: each answers the same message in a column of its own."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from roleplay.chat.said import Exchange, Said
from tui.names import Names
from tui.plain import plain

if TYPE_CHECKING:  # the first frame shows no lane beside
    from roleplay.generation.events import Finished, Piece

_SPEED_SECONDS = 0.5
"""Between two looks at how fast a lane is."""


class LaneView(Vertical):
    """One lane: a header with who answers, what was sent and how fast, and its reply."""

    def __init__(self, number: int, lane: str, names: Names) -> None:
        from tui.markdown import Spoken

        super().__init__(classes="lane")
        self.number, self.lane, self.names = number, lane, names
        self.said: Said | None = None
        self.spoken: Spoken = Spoken()
        self._speed, self._told = 0.0, 0.0
        self._live = False
        self._timed: Said | None = None
        """The reply that the speed belongs to, once it has ended."""
        self.header, self.trouble = Static(classes="lane-header"), Static(classes="trouble")
        self.scroll = VerticalScroll(classes="lane-reply", can_focus=False)

    def compose(self) -> ComposeResult:
        """Header above the reply."""
        self._draw_header()
        yield self.header
        with self.scroll:
            yield self.spoken
            yield self.trouble

    @property
    def is_behind(self) -> bool:
        """Whether something was heard that is not drawn yet."""
        return self.spoken.is_behind

    async def flush(self) -> None:
        """Draw what was heard, and follow it once it is longer than the column."""
        await self.spoken.flush()
        if self.scroll.max_scroll_y and not self.scroll.is_anchored:
            self.scroll.anchor()

    async def show(self, said: Said | None) -> None:
        """Draw what the lane said; `None` where it said nothing yet."""
        if self._live:
            self._timed, self._live = said, False
        self.said = said
        await self.spoken.finish(said.text if said is not None else "")
        self._draw_header()

    def begin(self, said: Said) -> None:
        """A reply is under way; it has its prefixes and no text yet."""
        self.said, self._speed, self._live = said, 0.0, True
        self.scroll.anchor(False)
        self._draw_header()

    def hear(self, heard: "Piece | Finished") -> None:
        """Take what was said since, and how fast; the header tells so now and then."""
        from roleplay.generation.events import Piece

        if isinstance(heard, Piece):
            self.spoken.hear(heard.text)
        if heard.seconds > 0:
            self._speed = heard.tokens / heard.seconds
        if time.monotonic() - self._told > _SPEED_SECONDS:
            self._told = time.monotonic()
            self._draw_header()

    def fail(self, problem: str) -> None:
        """The lane cannot answer; empty takes that back."""
        self.trouble.update(plain(problem))
        self.trouble.display = bool(problem)

    def rename(self, names: Names) -> None:
        """Call who answers by another name."""
        self.names = names
        self._draw_header()

    def _draw_header(self) -> None:
        self.header.update(self._header())

    def _header(self) -> Content:
        from tui.turn import account

        parts = [plain(str(self.number), "bold $accent"), plain(self.names.of(self.lane, beside=True), "bold")]
        parts += account(self.said) if self.said is not None else [plain(self.lane, "dim")]
        if self._speed and (self._live or (self.said is not None and self.said is self._timed)):
            parts.append(plain(f"{self._speed:.0f} tok/s", "dim"))
        links = [Content.from_markup(f"[@click=screen.clicked('converse', {self.number})]talk here[/]")]
        if self.said is not None and self.said.text:
            links.insert(0, Content.from_markup(f"[@click=screen.clicked('take', {self.number})]take over[/]"))
        return Content("  ").join([*parts, *links])


class Lanes(Vertical):
    """A column a lane, each numbered from 2: the conversation itself is lane 1."""

    def __init__(self) -> None:
        super().__init__(id="lanes", classes="-none")
        self.names = Names()

    def compose(self) -> ComposeResult:
        """As long as there is no lane beside, how to get one."""
        yield Static("No lane answers beside the conversation. Ctrl+B shows one, then three.", id="no-lanes")

    async def show(self, lanes: Sequence[str], exchange: Exchange | None) -> None:
        """Draw what these lanes said in an exchange."""
        self.set_class(not lanes, "-none")
        views = self.views
        if [view.lane for view in views] != list(lanes):
            async with self.batch():
                await self.remove_children(LaneView)
                views = [LaneView(number, lane, self.names) for number, lane in enumerate(lanes, 2)]
                await self.mount(*views)
        said = beside(exchange)
        for view in views:
            if said.get(view.lane) is not None:
                view.fail("")
            await view.show(said.get(view.lane))

    @property
    def views(self) -> list[LaneView]:
        """The columns."""
        return [child for child in self.children if isinstance(child, LaneView)]

    def view(self, lane: str) -> LaneView | None:
        """The column of a lane, if it is shown."""
        return next((view for view in self.views if view.lane == lane), None)

    async def clear(self) -> None:
        """Other replies will come."""
        for view in self.views:
            view.fail("")
            await view.show(None)

    def rename(self, names: Names) -> None:
        """Call who answers by these names."""
        self.names = names
        for view in self.views:
            view.rename(names)


def beside(exchange: Exchange | None) -> Mapping[str, Said]:
    """What the lanes beside the conversation said, by lane."""
    return {said.lane or "": said for said in exchange.beside} if exchange is not None else {}
