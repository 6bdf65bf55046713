"""The conversation: exchanges from top to bottom, the base's replies beside the character's."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.containers import VerticalScroll
from textual.widgets import Static

from roleplay.chat.said import Exchange, Said
from tui.plain import plain

if TYPE_CHECKING:  # Markdown takes its time to import, and the first frame shows none
    from roleplay.chat.question import Heard
    from tui.exchange import ExchangeView

_SHOWN = 40
"""Exchanges drawn at once; earlier ones follow when they are scrolled to."""


class Conversation(VerticalScroll):
    """Everything said, the newest at the bottom; it follows what comes unless the person scrolled away."""

    can_focus = False

    def __init__(self) -> None:
        super().__init__(id="conversation")
        self.user_name, self.reply_name, self.base_name = "", "", "base"
        self._earlier: list[Exchange] = []

    async def show(self, exchanges: Sequence[Exchange]) -> None:
        """Draw a conversation in place of the one that is shown."""
        self._earlier = list(exchanges[:-_SHOWN])
        async with self.batch():
            await self.remove_children()
            await self.mount(Static(id="earlier"), *map(self._view, exchanges[-_SHOWN:]))
        self._tell_earlier()
        self.anchor()

    async def show_earlier(self) -> None:
        """Draw more of what was said before, above what is shown."""
        if not self._earlier:
            return
        views = list(map(self._view, self._earlier[-_SHOWN:]))
        self._earlier = self._earlier[:-_SHOWN]
        first = self.query(".exchange").first()
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

    def hear(self, heard: "Heard", *, beside: bool) -> None:
        """Take what was heard of the newest reply, or of the one beside it; `flush` draws it."""
        from roleplay.chat.question import Asked
        from roleplay.generation.events import Piece

        view = self._last()
        if view is None:
            return
        widget = view.beside if beside else view.reply
        if isinstance(heard, Asked):
            widget.begin(Said("assistant", "", heard.lane.name, heard.prefixes))
        elif isinstance(heard, Piece):
            widget.hear(heard.text)

    async def flush(self) -> None:
        """Draw what has been heard of the replies under way."""
        view = self._last()
        if view is not None:
            await view.reply.flush()
            await view.beside.flush()

    async def finish(self, exchanges: Sequence[Exchange]) -> None:
        """Nothing more will be heard: draw the newest of `exchanges` as it was kept."""
        view = self._last()
        if view is not None and exchanges:
            await view.reply.finish(exchanges[-1].reply)
            await view.beside.finish(exchanges[-1].beside)

    async def clear_last(self) -> None:
        """Take away the replies to the newest message: others will come."""
        view = self._last()
        if view is not None:
            await view.reply.finish(None)
            await view.beside.finish(None)

    def _last(self) -> "ExchangeView | None":
        from tui.exchange import ExchangeView

        views = self.query(ExchangeView)
        return views.last() if views else None

    def _view(self, exchange: Exchange) -> "ExchangeView":
        from tui.exchange import ExchangeView

        return ExchangeView(exchange, self.user_name, self.reply_name, self.base_name)

    def _tell_earlier(self) -> None:
        note = self.query_one("#earlier", Static)
        note.display = bool(self._earlier)
        note.update(f"{len(self._earlier)} earlier turns: Page Up at the top shows more")
