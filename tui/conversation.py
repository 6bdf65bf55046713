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

_SHOWN = 15
"""Exchanges drawn at once, more than a screen holds; earlier ones follow when they are scrolled to."""


class Conversation(VerticalScroll):
    """Everything said, the newest at the bottom; it follows what comes unless the person scrolled away."""

    can_focus = False

    def __init__(self) -> None:
        super().__init__(id="conversation")
        self.user_name, self.reply_name, self.base_name = "", "", "base"
        self.comparing = False
        self._earlier: list[Exchange] = []

    async def compare(self, on: bool) -> None:
        """Show or hide the base's replies."""
        self.comparing = on
        self.set_class(on, "-comparing")
        if on:
            async with self.batch():
                for view in self._views():
                    if view.exchange.beside is not None:
                        await view.put_beside()

    async def show(self, exchanges: Sequence[Exchange]) -> None:
        """Draw a conversation in place of the one that is shown."""
        self._earlier = list(exchanges[:-_SHOWN])
        async with self.batch():
            await self.remove_children()
            await self.mount(Static(id="earlier"), *map(self._view, exchanges[-_SHOWN:]))
        self._tell_earlier()
        self.anchor()

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

    async def hear(self, heard: "Heard", *, beside: bool) -> None:
        """Take what was heard of the newest reply, or of the one beside it; `flush` draws it."""
        from roleplay.chat.question import Asked
        from roleplay.generation.events import Piece

        view = self._last()
        if view is None:
            return
        widget = view.beside if beside else view.reply
        if isinstance(heard, Asked):
            if beside:
                await view.put_beside()
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
            await view.finish(exchanges[-1])

    async def clear_last(self) -> None:
        """Take away the replies to the newest message: others will come."""
        view = self._last()
        if view is not None:
            await view.finish(Exchange(view.exchange.user, None, None))

    def _last(self) -> "ExchangeView | None":
        views = self._views()
        return views[-1] if views else None

    def _views(self) -> "list[ExchangeView]":
        from tui.exchange import ExchangeView

        return [child for child in self.children if isinstance(child, ExchangeView)]

    def _view(self, exchange: Exchange) -> "ExchangeView":
        from tui.exchange import ExchangeView

        names = (self.user_name, self.reply_name, self.base_name)
        return ExchangeView(exchange, *names, comparing=self.comparing)

    def _tell_earlier(self) -> None:
        note = self.query_one("#earlier", Static)
        note.display = bool(self._earlier)
        note.update(f"{len(self._earlier)} earlier turns: Page Up at the top shows more")
