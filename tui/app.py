"""The terminal program: which screen is shown, and the commands of the palette."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterable
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from roleplay.cards.find import open_card
from roleplay.cards.load import CardFile
from roleplay.chat.roster import roster
from roleplay.chat.store import ChatStore
from roleplay.chat.talk import Manner, Talk
from roleplay.errors import RoleplayError
from roleplay.paths import Home
from tui.characters_screen import CharactersScreen
from tui.chat_screen import ChatScreen
from tui.help_screen import HelpScreen
from tui.messages import Chosen, Switched
from tui.plain import tell
from tui.prompt import Prompt


class ChatApp(App[None]):
    """Characters to choose from, and one chat at a time."""

    TITLE = "roleplay"
    CSS_PATH = "roleplay.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (30, "-narrow"), (80, "-middle"), (120, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (8, "-low"), (20, "-high")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "Help", id="app.help", tooltip="What the keys do", priority=True),
        Binding("ctrl+q", "quit", "Quit", id="app.quit", tooltip="Leave; everything said is kept", priority=True),
    ]

    def __init__(
        self,
        home: Home,
        store: ChatStore | None,
        manner: Manner,
        card_file: CardFile | None = None,
        chat: int | None = None,
        *,
        open_talk: Callable[[CardFile, Manner, Home, ChatStore | None], Talk] = Talk,
    ) -> None:
        super().__init__()
        self.home, self.store, self.manner = home, store, manner
        self.card_file, self.chat, self.open_talk = card_file, chat, open_talk

    def get_default_screen(self) -> Screen[None]:
        """The chat, if it is known with whom; else the characters."""
        if self.card_file is None:
            return self._characters()
        return self._chat_screen(self.card_file, self.chat)

    def on_mount(self) -> None:
        """A terminal that is closed, or a polite kill, is a quit like any other."""
        loop = asyncio.get_running_loop()
        for name in ("SIGTERM", "SIGHUP", "SIGINT"):
            with contextlib.suppress(AttributeError, NotImplementedError, ValueError):  # Windows, or a test's thread
                loop.add_signal_handler(getattr(signal, name), self.exit)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Every key has its twin in the palette, and every prefix its switch."""
        yield from super().get_system_commands(screen)
        if not isinstance(screen, ChatScreen):
            return
        for target in (screen.query_one(Prompt), screen, self):
            for binding in _named(type(target)):
                if binding.show and binding.action != "quit":
                    yield SystemCommand(
                        binding.description, binding.tooltip, partial(self.run_action, binding.action, target)
                    )
        session = screen.talk.session
        for prefix in session.prefixes:
            on = prefix.id in session.active
            what = f"Prefix {prefix.id}: switch {'off' if on else 'on'}"
            yield SystemCommand(
                what, "From the next message on", partial(screen.post_message, Switched(prefix.id, not on))
            )

    def action_help(self) -> None:
        """Show what the keys do."""
        if not isinstance(self.screen, HelpScreen):
            named = _named(Prompt, ChatScreen, ChatApp)
            keys = [(self._keys(binding), binding.tooltip) for binding in named if binding.tooltip]
            keys += [("F2 … F9", "Switch a prefix on or off"), ("Page Up, Page Down", "Scroll the conversation")]
            keys += [("Ctrl+P", "Palette: all of this by name, and themes")]
            self.push_screen(HelpScreen(keys))

    def action_choose(self) -> None:
        """Show the characters and conversations."""
        self.push_screen(self._characters())

    @on(Chosen)
    def _open(self, message: Chosen) -> None:
        current = next((screen for screen in self.screen_stack if isinstance(screen, ChatScreen)), None)
        if current is not None and current.talk.card.name == message.entry.name:
            self.pop_screen()
            current.show_chat(message.chat)
            return
        try:
            card_file = open_card(message.entry.name, self.home)
        except RoleplayError as error:
            tell(self.screen, str(error), "error")
            return
        if current is not None:
            self.pop_screen()
        self.switch_screen(self._chat_screen(card_file, message.chat))

    def _characters(self) -> CharactersScreen:
        return CharactersScreen(partial(roster, self.home, self.store))

    def _chat_screen(self, card_file: CardFile, chat: int | None) -> ChatScreen:
        return ChatScreen(self.open_talk(card_file, self.manner, self.home, self.store), chat)

    def _keys(self, binding: Binding) -> str:
        return ", ".join(self.get_key_display(Binding(key, "")) for key in binding.key.split(","))


def _named(*owners: type) -> list[Binding]:
    """The bindings of these classes that have an id."""
    return [binding for owner in owners for binding in owner.BINDINGS if binding.id]  # type: ignore[attr-defined]


def run_chat(home: Home, store: ChatStore | None, manner: Manner, card_file: CardFile | None, chat: int | None) -> None:
    """Show the screens until the person leaves."""
    try:
        ChatApp(home, store, manner, card_file, chat).run()
    finally:
        if store is not None:
            store.close()
