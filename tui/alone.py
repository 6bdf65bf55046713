"""One screen as a program of its own."""

import asyncio
import contextlib
import signal
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import App, SystemCommand
from textual.screen import Screen

from roleplay.errors import RoleplayError
from roleplay.paths import shown
from tui import themes
from tui.keys import named, spoken
from tui.messages import KeysRead
from tui.plain import tell

if TYPE_CHECKING:
    from textual.binding import Binding

    from roleplay.paths import Home

_KEYS_FILE = "Other keys: write lines such as '{}: ctrl+s' to {}."


class AloneApp(App[RoleplayError]):
    """Shows one screen until its action `leave` ends the program."""

    TITLE = "roleplay"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (80, "-middle"), (120, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-high")]  # noqa: RUF012

    def __init__(self, alone: Screen[None], home: "Home", words: str) -> None:
        """`words` is what one needs to know, for the help."""
        super().__init__()
        self.alone, self.home, self.words = alone, home, words
        self.own_keys: dict[str, str] = {}
        """Keys of the person's own, by id of their binding."""
        self.interrupted = False
        """Whether a signal ended the program."""
        themes.put_on(self, home)

    def get_default_screen(self) -> Screen[None]:
        """The one."""
        return self.alone

    def on_mount(self) -> None:
        """Read what is the person's own; a terminal that is closed, or a polite kill, ends the program in order."""
        themes.read_more(self, self.home)
        if self.home.keys.is_file():
            self._read_keys()
        self._load_screen_css(self.screen)  # Textual does so for every screen but the first
        loop = asyncio.get_running_loop()
        for name in ("SIGTERM", "SIGHUP", "SIGINT"):
            with contextlib.suppress(AttributeError, NotImplementedError, ValueError):  # Windows, or a test's thread
                loop.add_signal_handler(getattr(signal, name), self._interrupt)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Every key has its twin in the palette."""
        yield from super().get_system_commands(screen)
        for binding in named(type(screen)):
            if binding.action != "leave":  # the palette has that one itself
                action = partial(self.run_action, binding.action, screen)
                yield SystemCommand(binding.description, f"{binding.tooltip} · {self._keys(binding)}", action)

    def action_help(self) -> None:
        """Show what the keys do."""
        from tui.report_screen import ReportScreen

        bindings = named(type(self.alone))
        width = max(len(self._keys(binding)) for binding in bindings)
        rows = [f"{self._keys(binding):<{width}}  {binding.tooltip}" for binding in bindings]
        file = _KEYS_FILE.format(bindings[0].id, shown(self.home.keys))
        self.push_screen(ReportScreen("\n".join([*rows, "", file, "", self.words])))

    async def action_quit(self) -> None:
        """Let the screen ask first; where another one is shown, a question say, this is the answer."""
        if self.screen is self.alone:
            await self.run_action("leave", self.alone)
        else:
            self.exit()

    def _keys(self, binding: "Binding") -> str:
        return spoken(self.own_keys.get(binding.id or "", binding.key))

    @work(thread=True)
    def _read_keys(self) -> None:
        """Read the keys of the person's own, held against those of every screen."""
        from tui.key_list import every_key
        from tui.keymap import read_keymap

        self.post_message(KeysRead(read_keymap(self.home.keys, every_key())))

    @on(KeysRead)
    def _wear_keys(self, message: KeysRead) -> None:
        self.own_keys = message.keymap.keys
        self.set_keymap(self.own_keys)
        for fault in message.keymap.faults:
            tell(self.screen, str(fault), "warning")

    def _interrupt(self) -> None:
        self.interrupted = True
        self.exit()


def run_alone(screen: Screen[None], home: "Home", words: str) -> None:
    """Show a screen until the person leaves. Raises KeyboardInterrupt where a signal ended it."""
    app = AloneApp(screen, home, words)
    app.run()
    if app.interrupted:
        raise KeyboardInterrupt
