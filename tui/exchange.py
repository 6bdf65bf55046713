"""A turn of the person above its reply."""

from textual.app import ComposeResult
from textual.containers import Vertical

from roleplay.chat.said import Exchange, Said
from tui.names import Names
from tui.turn import Reply, UserTurn

Print = tuple[object, ...]
"""All that is to be seen of an exchange; equal where nothing needs to be drawn anew."""


class ExchangeView(Vertical):
    """A turn of the person above its reply."""

    def __init__(self, exchange: Exchange, names: Names) -> None:
        super().__init__(classes="exchange")
        self.exchange = exchange
        self.drawn = seen(exchange)
        user = exchange.user
        self.user = UserTurn(names, user, exchange.user_way) if user is not None else None
        self.reply = Reply(names, exchange.reply, exchange.reply_way)

    def compose(self) -> ComposeResult:
        """The person above, the reply below."""
        if self.user is not None:
            yield self.user
        yield self.reply

    @property
    def turns(self) -> list[UserTurn | Reply]:
        """What can be marked, from top to bottom."""
        return [turn for turn in (self.user, self.reply) if turn is not None and turn.said is not None]

    def rename(self, names: Names) -> None:
        """Call who speaks by these names."""
        for turn in (self.user, self.reply):
            if turn is not None:
                turn.rename(names)

    def begin(self, said: Said) -> None:
        """A reply is under way."""
        self.drawn = ()
        self.reply.begin(said)

    async def clear_reply(self) -> None:
        """Take away the reply: another will come."""
        self.drawn = ()
        await self.reply.finish(None)

    def adopt(self, exchange: Exchange) -> None:
        """Stand for an exchange that looks as this one is drawn."""
        self.exchange = exchange
        if self.user is not None and exchange.user is not None:
            self.user.said = exchange.user
        self.reply.said = exchange.reply

    async def finish(self, exchange: Exchange) -> None:
        """Draw what has become of the reply."""
        self.adopt(exchange)
        self.drawn = seen(exchange)
        await self.reply.finish(exchange.reply, exchange.reply_way)

    def fits(self, exchange: Exchange) -> bool:
        """Whether the person's turn is drawn as `exchange` has it, so that only the reply may differ."""
        return seen(exchange)[:2] == seen(self.exchange)[:2]


def seen(exchange: Exchange) -> Print:
    """What there is to be seen."""
    return _turn(exchange.user), exchange.user_way, _turn(exchange.reply), exchange.reply_way


def _turn(said: Said | None) -> Print | None:
    if said is None:
        return None
    return said.text, said.stopped, said.taken, said.lane, said.prefixes, said.origin is not None
