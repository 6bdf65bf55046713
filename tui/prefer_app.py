"""The program with a blind comparison as its only chat; colours, keys, palette and help are those of the chat."""

from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.screen import Screen
from textual.signal import SignalError

from roleplay.chat.lobby import Lobby
from tui.app import ChatApp
from tui.prefer_screen import PreferScreen

if TYPE_CHECKING:
    from roleplay.chat.prefer.comparison import Comparison


class PreferApp(ChatApp):
    """Ends when the person leaves; who was who is told after that."""

    BINDINGS: ClassVar[list[BindingType]] = ChatApp.BINDINGS  # the palette names those of the class itself

    def __init__(self, lobby: Lobby, comparison: "Comparison") -> None:
        super().__init__(lobby, comparison.card.name)
        self.comparison = comparison

    def get_default_screen(self) -> Screen[None]:
        """The comparison."""
        return PreferScreen(self.comparison)

    def _handle_exception(self, error: Exception) -> None:
        """Who leaves at once leaves before the program listens for another theme; that is no failure."""
        if not (self._exit and isinstance(error, SignalError)):
            super()._handle_exception(error)


def run_prefer(lobby: Lobby, comparison: "Comparison") -> None:
    """Show the screen until the person leaves; raises KeyboardInterrupt where a signal ended it."""
    app = PreferApp(lobby, comparison)
    try:
        app.run()
    finally:
        comparison.close()
        lobby.close()
    if app.interrupted:
        raise KeyboardInterrupt
