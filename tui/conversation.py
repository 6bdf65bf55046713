"""The conversation: exchanges from top to bottom, the base's replies beside the character's."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Static

from roleplay.chat.session import Exchange
from tui.plain import plain
from tui.turn import Reply, UserTurn

_SHOWN = 40
"""Exchanges drawn at once; earlier ones follow when they are scrolled to."""


class ExchangeView(Vertical):
    """A turn of the person above its replies, which stand side by side."""

    def __init__(self, exchange: Exchange, user_name: str, name: str, base_name: str) -> None:
        super().__init__(classes="exchange")
        self.exchange, self.user_name = exchange, user_name
        self.reply = Reply(name, exchange.reply)
        self.beside = Reply(base_name, exchange.beside, base=True)

    def compose(self) -> ComposeResult:
        """The person above, the replies below."""
        if self.exchange.user is not None:
            yield UserTurn(self.user_name, self.exchange.user.text)
        with Horizontal(classes="replies"):
            yield self.reply
            yield self.beside


class Conversation(VerticalScroll):
    """Everything said, the newest at the bottom; it follows what comes unless the person scrolled away."""

    can_focus = False

    def __init__(self, user_name: str, name: str) -> None:
        super().__init__(id="conversation")
        self.user_name, self.reply_name, self.base_name = user_name, name, "base"
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
        first = self.query(ExchangeView).first()
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

    def last(self) -> ExchangeView | None:
        """The newest exchange that is shown."""
        views = self.query(ExchangeView)
        return views.last() if views else None

    async def flush(self) -> None:
        """Draw what has been heard of the replies under way."""
        view = self.last()
        if view is not None:
            await view.reply.flush()
            await view.beside.flush()

    def _view(self, exchange: Exchange) -> ExchangeView:
        return ExchangeView(exchange, self.user_name, self.reply_name, self.base_name)

    def _tell_earlier(self) -> None:
        note = self.query_one("#earlier", Static)
        note.display = bool(self._earlier)
        note.update(f"{len(self._earlier)} earlier turns: Page Up at the top shows more")
