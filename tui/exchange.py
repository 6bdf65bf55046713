"""A turn of the person above its replies."""

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from roleplay.chat.said import Exchange
from tui.turn import Reply, UserTurn


class ExchangeView(Vertical):
    """A turn of the person above its replies, which stand side by side.

    The base's reply is mounted when it is wanted first: most are never looked at.
    """

    def __init__(self, exchange: Exchange, user_name: str, name: str, base_name: str, *, comparing: bool) -> None:
        super().__init__(classes="exchange")
        self.exchange, self.user_name, self.comparing = exchange, user_name, comparing
        self.reply = Reply(name, exchange.reply)
        self.beside = Reply(base_name, exchange.beside, base=True)

    def compose(self) -> ComposeResult:
        """The person above, the replies below."""
        if self.exchange.user is not None:
            yield UserTurn(self.user_name, self.exchange.user.text)
        with Horizontal(classes="replies"):
            yield self.reply
            if self.comparing and self.exchange.beside is not None:
                yield self.beside

    async def put_beside(self) -> None:
        """Make room for the base's reply."""
        if not self.beside.is_attached:
            await self.query_one(".replies").mount(self.beside)

    async def finish(self, exchange: Exchange) -> None:
        """Draw what has become of the replies."""
        self.exchange = exchange
        await self.reply.finish(exchange.reply)
        await self.beside.finish(exchange.beside)
