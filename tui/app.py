"""The terminal program: which screen is shown, and the commands of the palette."""

import asyncio
import contextlib
import gc
import signal
from collections.abc import Iterable
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.widget import MountError

from roleplay.chat.lobby import Lobby
from roleplay.errors import RoleplayError
from tui.chat_screen import ChatScreen
from tui.messages import Chosen, OpeningFailed, Switched
from tui.plain import tell
from tui.prompt import Prompt


class ChatApp(App[RoleplayError]):
    """Characters to choose from, and one chat at a time; ends with the error that left nothing to show."""

    TITLE = "roleplay"
    CSS_PATH = "roleplay.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (30, "-narrow"), (80, "-middle"), (120, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (8, "-low"), (20, "-high")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "Help", id="app.help", tooltip="What the keys do", priority=True),
        Binding("ctrl+q", "quit", "Quit", id="app.quit", tooltip="Leave; all is kept, unless --no-save", priority=True),
    ]

    def __init__(self, lobby: Lobby, name: str | None = None, *, resume: bool = False) -> None:
        super().__init__()
        self.lobby, self.typed_name, self.resume = lobby, name, resume
        self.interrupted = False
        """Whether a signal ended the program."""

    def get_default_screen(self) -> Screen[None]:
        """The chat, if it is known with whom; else the characters."""
        if self.typed_name is None and not self.resume:
            return self._characters()
        return ChatScreen(partial(self.lobby.open, self.typed_name, resume=self.resume), self.typed_name or "")

    def on_mount(self) -> None:
        """A terminal that is closed, or a polite kill, is a quit like any other."""
        self.call_after_refresh(gc.enable)  # off until now, see `roleplay.cli.chat`
        # Textual gives this to every screen but the first, and `switch_screen` asks it of every one.
        self.screen._push_result_callback(self.screen, None)
        loop = asyncio.get_running_loop()
        for name in ("SIGTERM", "SIGHUP", "SIGINT"):
            with contextlib.suppress(AttributeError, NotImplementedError, ValueError):  # Windows, or a test's thread
                loop.add_signal_handler(getattr(signal, name), self._interrupt)

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
        for prefix, is_on in screen.switches():
            what = f"Prefix {prefix}: switch {'off' if is_on else 'on'}"
            switched = Switched(prefix, not is_on)
            yield SystemCommand(what, "From the next message on", partial(screen.post_message, switched))

    @classmethod
    def key_help(cls) -> list[tuple[str, str]]:
        """What people press, and what it does."""
        named = [binding for binding in _named(Prompt, ChatScreen, cls) if binding.tooltip]
        return [
            *((_spoken(binding.key), binding.tooltip) for binding in named),
            ("F2 … F9", "Switch a prefix on or off, from your next message on"),
            ("Page Up, Page Down", "Scroll the conversation"),
            ("Ctrl+C", "Copy what is marked, else stop the reply"),
            ("Ctrl+P", "Palette: all of this by name, and themes"),
        ]

    def action_help(self) -> None:
        """Show what the keys do, or go back from there."""
        from tui.help_screen import HelpScreen

        if isinstance(self.screen, HelpScreen):
            self.pop_screen()
        else:
            self.push_screen(HelpScreen(self.key_help()))

    def action_choose(self) -> None:
        """Show the characters and conversations."""
        characters = self._characters()
        if not isinstance(self.screen, type(characters)):
            self.push_screen(characters)

    @on(Chosen)
    def _open(self, message: Chosen) -> None:
        current = next((screen for screen in self.screen_stack if isinstance(screen, ChatScreen)), None)
        if current is not None:
            self.pop_screen()
        if current is not None and current.holds(message.entry.name):
            current.show_chat(message.chat)
        else:
            name = message.entry.name
            self.typed_name, self.resume = None, False  # what was typed is open, and left now
            self.switch_screen(ChatScreen(partial(self.lobby.open, name, message.chat), name))

    @on(OpeningFailed)
    def _draw_opening_failed(self, message: OpeningFailed) -> None:
        """What was typed cannot be opened: leave and say why. What was chosen cannot: choose again."""
        if self.typed_name is not None or self.resume:
            self.exit(message.error, return_code=1)
        else:
            self.switch_screen(self._characters())
            tell(self.screen, str(message.error), "error")

    def _handle_exception(self, error: Exception) -> None:
        """What is still being drawn when the person leaves finds its widgets gone; that is no failure."""
        if not (self._exit and isinstance(error, NoMatches | MountError)):
            super()._handle_exception(error)

    def _interrupt(self) -> None:
        self.interrupted = True
        self.exit()

    def _characters(self) -> Screen[None]:
        from tui.characters_screen import CharactersScreen

        return CharactersScreen(self.lobby.entries)


def _named(*owners: type) -> list[Binding]:
    """The bindings of these classes that have an id."""
    return [binding for owner in owners for binding in owner.BINDINGS if binding.id]  # type: ignore[attr-defined]


def _spoken(keys: str) -> str:
    """`ctrl+j,shift+enter` as people write it."""
    spoken = {"escape": "Esc"}
    return ", ".join("+".join(spoken.get(part, part.title()) for part in key.split("+")) for key in keys.split(","))


def run_chat(lobby: Lobby, name: str | None, *, resume: bool) -> None:
    """Show the screens until the person leaves.

    Raises the RoleplayError that left nothing to show, or KeyboardInterrupt where a signal ended it.
    """
    app = ChatApp(lobby, name, resume=resume)
    try:
        error = app.run()
    finally:
        lobby.close()
    if error is not None:
        raise error
    if app.interrupted:
        raise KeyboardInterrupt
