"""The terminal program: which screen is shown, and the commands of the palette."""

import asyncio
import contextlib
import gc
import signal
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.screen import ModalScreen, Screen
from textual.widget import MountError

from roleplay.chat.lobby import Lobby
from roleplay.errors import RoleplayError
from roleplay.paths import shown
from tui import themes
from tui.alt_digits import hear_alt_digits
from tui.chat_screen import ChatScreen
from tui.messages import Chosen, Commanded, FoundChosen, KeysRead, Opened, OpeningFailed, Resumed
from tui.panels import PANEL_BINDINGS
from tui.plain import tell
from tui.prompt import Prompt
from tui.workshop_messages import EvaluationsAsked, RunChosen

if TYPE_CHECKING:
    from roleplay.chat.commands import Command
    from roleplay.chat.lens import Lens
    from roleplay.training.run import Run


class ChatApp(App[RoleplayError]):
    """Characters to choose from, and one chat at a time; ends with the error that left nothing to show."""

    TITLE = "roleplay"
    CSS_PATH = "roleplay.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (30, "-narrow"), (80, "-middle"), (120, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (8, "-low"), (20, "-high")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "Help", id="app.help", tooltip="What the keys do", priority=True),
        *PANEL_BINDINGS,
        Binding("f8", "training", "Training", id="app.training", tooltip="Train the character at hand", priority=True),
        Binding("f9", "runs", "Runs", id="app.runs", tooltip="Compare and remove its trainings", priority=True),
        Binding("f12", "evaluations", "Evaluations", id="app.evaluations", tooltip="What it learned", priority=True),
        Binding("ctrl+q", "quit", "Quit", id="app.quit", tooltip="Leave; all is kept, unless --no-save", priority=True),
    ]

    def __init__(self, lobby: Lobby, name: str | None = None, *, resume: bool = False) -> None:
        super().__init__()
        self.lobby, self.typed_name, self.resume = lobby, name, resume
        self.talking_to = name
        """Name of the character whose chat is open; `None` before it is known."""
        self.lens: Lens | None = None
        """What the corpora hold, once it was asked for."""
        self.own_keys: dict[str, str] = {}
        """Keys of the person's own, by id of their binding."""
        self._wanted: int | None = None
        """Number of the turn to be shown when its conversation is at hand."""
        self.interrupted = False
        """Whether a signal ended the program."""
        themes.put_on(self, lobby.home)

    @property
    def chat(self) -> ChatScreen | None:
        """The chat, also while something else is shown before it."""
        return next((screen for screen in self.screen_stack if isinstance(screen, ChatScreen)), None)

    def get_default_screen(self) -> Screen[None]:
        """The chat, if it is known with whom; else the characters."""
        if self.typed_name is None and not self.resume:
            return self._characters()
        return ChatScreen(partial(self.lobby.open, self.typed_name, resume=self.resume), self.typed_name or "")

    def on_mount(self) -> None:
        """A terminal that is closed, or a polite kill, is a quit like any other."""
        self.call_after_refresh(gc.enable)  # off until now, see `roleplay.cli.chat`
        self.call_after_refresh(themes.read_more, self, self.lobby.home)
        if self.lobby.home.keys.is_file():
            self.call_after_refresh(self._read_keys)
        # Textual does these two for every screen but the first; `switch_screen` asks the second of every one.
        self._load_screen_css(self.screen)
        self.screen._push_result_callback(self.screen, None)
        loop = asyncio.get_running_loop()
        for name in ("SIGTERM", "SIGHUP", "SIGINT"):
            with contextlib.suppress(AttributeError, NotImplementedError, ValueError):  # Windows, or a test's thread
                loop.add_signal_handler(getattr(signal, name), self._interrupt)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Every key has its twin in the palette, and every prefix its switch."""
        from tui.palette import chat_commands, twins

        yield from super().get_system_commands(screen)
        yield from chat_commands(self, screen) if isinstance(screen, ChatScreen) else twins(self, screen, self)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Panels belong to a chat that is open."""
        if action != "panel":
            return super().check_action(action, parameters)
        return isinstance(self.screen, ChatScreen) and self.screen.is_open

    def action_panel(self, name: str) -> None:
        """Open a panel over the chat."""
        from tui.panels.open import open_panel

        if isinstance(self.screen, ChatScreen):
            open_panel(self.screen, name)

    def action_help(self, words: bool = False) -> None:
        """Show what keys and words do, or go back from there."""
        from tui.help_screen import HelpScreen
        from tui.palette import key_help

        if isinstance(self.screen, HelpScreen):
            self.pop_screen()
        else:
            keys = key_help(self.own_keys, type(self.screen))
            self.push_screen(HelpScreen(keys, shown(self.lobby.home.keys), words_first=words))

    def action_choose(self) -> None:
        """Show the characters and conversations."""
        characters = self._characters()
        if not isinstance(self.screen, type(characters)):
            self.push_screen(characters)

    def action_training(self) -> None:
        """Show how the character at hand learns."""
        name = self._at_hand()
        if name is None:
            tell(self.screen, "Whom to train? Choose a character first.")
        else:
            self._show_training(name, None)

    def action_runs(self) -> None:
        """Show the trainings of the character at hand, or all."""
        from tui.runs_screen import RunsScreen

        if not isinstance(self.screen, RunsScreen | ModalScreen):
            self._show_workshop(RunsScreen(self.lobby.home, self._at_hand()))

    def action_evaluations(self) -> None:
        """Show the evaluations of the character at hand, or all."""
        self._show_evaluations(self._at_hand(), None)

    @on(EvaluationsAsked)
    def _evaluate_run(self, message: EvaluationsAsked) -> None:
        self._show_evaluations(message.run.folder.parent.name, message.run.name)

    def _show_evaluations(self, name: str | None, run: str | None) -> None:
        from tui.evaluation_screen import EvaluationScreen

        if not isinstance(self.screen, EvaluationScreen | ModalScreen):
            self._show_workshop(EvaluationScreen(self.lobby.home, name, run))

    @on(RunChosen)
    def _watch_run(self, message: RunChosen) -> None:
        self._show_training(message.run.folder.parent.name, message.run)

    def _show_training(self, name: str, run: "Run | None") -> None:
        from tui.training_screen import TrainingScreen

        if not isinstance(self.screen, TrainingScreen | ModalScreen):
            self._show_workshop(TrainingScreen(self.lobby.home, name, run))

    def _show_workshop(self, screen: Screen[None]) -> None:
        """These three take each other's place, so that Escape leads back to where the first was opened."""
        from tui.evaluation_screen import EvaluationScreen
        from tui.runs_screen import RunsScreen
        from tui.training_screen import TrainingScreen

        if isinstance(self.screen, TrainingScreen | RunsScreen | EvaluationScreen):
            self.switch_screen(screen)
        else:
            self.push_screen(screen)

    def _at_hand(self) -> str | None:
        """The character that the screen is about."""
        return getattr(self.screen, "character", None) or self.talking_to

    @on(Opened)
    def _note_opened(self, message: Opened) -> None:
        from tui.words import chat_names

        self.talking_to = message.talk.card.name
        if self.chat is not None:
            self.chat.query_one(Prompt).names = chat_names(message.talk)
        self._arrive()

    @on(Resumed)
    def _arrive(self) -> None:
        """Show the turn that was found, if one was."""
        from tui.panels.open import arrive

        wanted, self._wanted = self._wanted, None
        if wanted is not None and self.chat is not None:
            self.chat.call_later(arrive, self.chat, wanted)

    @on(FoundChosen)
    def _open_found(self, message: FoundChosen) -> None:
        found, chat, self._wanted = message.found, self.chat, message.found.turn
        if chat is None or not chat.holds(found.character):
            self.typed_name, self.resume, self.talking_to = None, False, found.character
            self.switch_screen(ChatScreen(partial(self.lobby.open, found.character, found.chat), found.character))
        elif chat.talk.session.keeper.chat != found.chat:
            chat.show_chat(found.chat)
        else:
            self._arrive()

    @on(Commanded)
    def _obey(self, message: Commanded) -> None:
        if self.chat is not None:
            self.chat.call_later(self._do, self.chat, message.command)

    async def _do(self, screen: ChatScreen, command: "Command") -> None:
        from tui.words import obey

        if not screen.is_open:
            tell(screen, "The chat is still being opened; try again in a moment.")
            return
        try:
            await obey(screen, command)
        except RoleplayError as error:
            tell(screen, str(error), "error")

    @work(thread=True)
    def _read_keys(self) -> None:
        """Read the keys of the person's own, held against those of every screen."""
        from tui.key_list import every_key
        from tui.keymap import read_keymap

        self.post_message(KeysRead(read_keymap(self.lobby.home.keys, every_key())))

    @on(KeysRead)
    def _wear_keys(self, message: KeysRead) -> None:
        self.own_keys = message.keymap.keys
        self.set_keymap(self.own_keys)
        for fault in message.keymap.faults:
            tell(self.screen, str(fault), "warning")

    @on(Chosen)
    def _open(self, message: Chosen) -> None:
        current = self.chat
        if current is not None and self.screen is not current:
            self.pop_screen()
        if current is not None and current.holds(message.entry.name):
            current.show_chat(message.chat)
        else:
            name = self.talking_to = message.entry.name
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

        return CharactersScreen(self.lobby.entries, self.lobby.home)


def run_chat(lobby: Lobby, name: str | None, *, resume: bool) -> None:
    """Show the screens until the person leaves.

    Raises the RoleplayError that left nothing to show, or KeyboardInterrupt where a signal ended it.
    """
    hear_alt_digits()
    app = ChatApp(lobby, name, resume=resume)
    try:
        error = app.run()
    finally:
        lobby.close()
    if error is not None:
        raise error
    if app.interrupted:
        raise KeyboardInterrupt
