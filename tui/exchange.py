"""A turn of the person above its replies."""

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from roleplay.chat.said import Exchange
from tui.turn import Reply, UserTurn


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
