"""The conversation: exchanges from top to bottom, and the mark that walks over its turns."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from roleplay.chat.said import Exchange, Said
from tui.names import Names
from tui.plain import plain

if TYPE_CHECKING:  # Markdown takes its time to import, and the first frame shows none
    from tui.exchange import ExchangeView
    from tui.turn import Reply, UserTurn

_SHOWN = 15
"""Exchanges drawn at once, more than a screen holds; earlier ones follow when they are scrolled to."""


class Conversation(VerticalScroll):
    """Everything said, the newest at the bottom; it follows what comes unless the person scrolled away.

    It has the focus while a turn is marked, so that letters are commands then.
    """

    can_focus = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "screen.edit", "Edit", id="mark.edit", tooltip="Write the marked message anew"),
        Binding("b", "screen.branch", "Branch", id="mark.branch", tooltip="Go on from the marked message"),
        Binding(
            "d", "screen.delete", "Delete", id="mark.delete", tooltip="Take out the marked message and what follows"
        ),
        Binding("c", "screen.go_on", "Continue", id="mark.continue", tooltip="Have a reply that was cut go on"),
        Binding("t", "screen.take", "Take over", id="mark.take", tooltip="Take over the reply of the lane beside"),
        Binding("left", "screen.swipe(-1)", "Earlier way", id="mark.earlier", show=False),
        Binding("right", "screen.swipe(1)", "Later way", id="mark.later", show=False),
        *(
            Binding(str(i), f"screen.take({i})", f"Take lane {i}", id=f"mark.take-{i}", show=False)
            for i in range(2, 10)
        ),
        Binding("up", "screen.mark(-1)", "Mark above", id="mark.up", show=False),
        Binding("down", "screen.mark(1)", "Mark below", id="mark.down", show=False),
        Binding("pageup", "screen.scroll(-1)", "Scroll up", id="mark.scroll-up", show=False),
        Binding("pagedown", "screen.scroll(1)", "Scroll down", id="mark.scroll-down", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="conversation")
        self.names = Names()
        self.marked: Said | None = None
        """The turn that is marked."""
        self._earlier: list[Exchange] = []

    # --- drawing ---

    async def show(self, exchanges: Sequence[Exchange]) -> None:
        """Draw a conversation; what is drawn already and as it should be stays."""
        at = next((i for i, turn in enumerate(self._turns()) if turn.said is self.marked), -1)
        await self._show(exchanges)
        turns = self._turns()
        if self.marked is not None and not any(turn.said is self.marked for turn in turns):
            self.mark(turns[at].said if 0 <= at < len(turns) else None)  # the mark stays in its place

    async def _show(self, exchanges: Sequence[Exchange]) -> None:
        from tui.exchange import seen

        views, rest = self._views(), list(exchanges[len(self._earlier) :])
        same = 0
        while same < min(len(views), len(rest)) and views[same].drawn == seen(rest[same]):
            views[same].adopt(rest[same])
            same += 1
        if same < min(len(views), len(rest)) and views[same].fits(rest[same]):
            await views[same].finish(rest[same])
            same += 1
        if same == 0:
            await self._show_anew(exchanges)
            return
        async with self.batch():
            if same < len(views):
                await self.remove_children(self.children[self.children.index(views[same]) :])
            await self.mount(*map(self._view, rest[same:]))

    async def _show_anew(self, exchanges: Sequence[Exchange]) -> None:
        self._earlier = list(exchanges[:-_SHOWN])
        async with self.batch():
            await self.remove_children()
            await self.mount(Static(id="earlier"), *map(self._view, exchanges[-_SHOWN:]))
        self._tell_earlier()
        self.anchor()

    def rename(self, names: Names) -> None:
        """Call who speaks by these names."""
        self.names = names
        for view in self._views():
            view.rename(names)

    async def page(self, pages: int) -> None:
        """Scroll by pages, negative ones up; at the top draw more of what was said before."""
        self.release_anchor()
        if pages < 0 and self.scroll_y == 0 and self._earlier:
            await self._show_earlier()
        else:
            self.scroll_relative(y=pages * (self.size.height - 2), animate=False)

    async def _show_earlier(self) -> None:
        views = list(map(self._view, self._earlier[-_SHOWN:]))
        self._earlier = self._earlier[:-_SHOWN]
        first = self._views()[0]
        async with self.batch():
            await self.mount(*views, after="#earlier")
        self._tell_earlier()
        self.call_after_refresh(self.scroll_to_widget, first, animate=False, top=True)

    async def add(self, exchange: Exchange) -> None:
        """Draw one more exchange, and go to it."""
        await self.mount(self._view(exchange))
        self.anchor()

    async def note(self, text: str, kind: str) -> None:
        """Put a note under what is shown; `kind` is `notice` or `trouble`."""
        await self.mount(Static(plain(text), classes=kind))

    # --- the reply under way ---

    def begin(self, said: Said) -> None:
        """The newest reply is under way; `said` has its lane, its prefixes, and what it goes on from."""
        view = self._last()
        if view is not None:
            view.begin(said)

    def hear(self, text: str) -> None:
        """Take what was said of the newest reply; `flush` draws it."""
        view = self._last()
        if view is not None:
            view.reply.spoken.hear(text)

    @property
    def is_behind(self) -> bool:
        """Whether something was heard that is not drawn yet."""
        view = self._last()
        return view is not None and view.reply.spoken.is_behind

    async def flush(self) -> None:
        """Draw what was heard."""
        view = self._last()
        if view is not None:
            await view.reply.spoken.flush()

    async def clear_last(self) -> None:
        """Take away the newest reply: another will come."""
        view = self._last()
        if view is not None:
            await view.clear_reply()

    # --- the mark ---

    async def move_mark(self, by: int) -> None:
        """Mark the turn above (-1) or below (1); below the last one nothing is marked."""
        turns = self._turns()
        at = next((i for i, turn in enumerate(turns) if turn.said is self.marked), len(turns)) + by
        if at < 0 and self._earlier:
            await self._show_earlier()
            turns, at = self._turns(), at + len(self._turns()) - len(turns)
        self.mark(turns[max(at, 0)].said if at < len(turns) else None)

    async def reveal(self, said: Said) -> None:
        """Mark a turn, and draw so many earlier ones before that it is among them."""
        while self._earlier and not any(turn.said is said for turn in self._turns()):
            await self._show_earlier()
        self.mark(said)

    def mark(self, said: Said | None) -> None:
        """Mark a turn that is drawn; `None` takes the mark away."""
        self.marked = None
        for turn in self._turns():
            found = said is not None and turn.said is said
            turn.set_class(found, "-marked")
            if found:
                self.marked = said
                if self.max_scroll_y > 0:
                    self.release_anchor()
                    self.call_after_refresh(self.scroll_to_widget, turn, animate=False)
        self.can_focus = self.marked is not None
        if self.marked is None:
            self.anchor()
        else:
            self.screen.set_focus(self, scroll_visible=False)

    def _turns(self) -> "list[UserTurn | Reply]":
        return [turn for view in self._views() for turn in view.turns]

    # --- steps that several of the above take ---

    def _last(self) -> "ExchangeView | None":
        views = self._views()
        return views[-1] if views else None

    def _views(self) -> "list[ExchangeView]":
        from tui.exchange import ExchangeView

        return [child for child in self.children if isinstance(child, ExchangeView)]

    def _view(self, exchange: Exchange) -> "ExchangeView":
        from tui.exchange import ExchangeView

        return ExchangeView(exchange, self.names)

    def _tell_earlier(self) -> None:
        note = self.query_one("#earlier", Static)
        note.display = bool(self._earlier)
        note.update(f"{len(self._earlier)} earlier turns: Page Up at the top shows more")
