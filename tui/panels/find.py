"""Find in all chats."""

import time
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui.messages import FoundRead, Refused
from tui.panels import jobs
from tui.plain import plain

if TYPE_CHECKING:
    from roleplay.chat.search import Found
    from roleplay.chat.store import ChatStore

_PAUSE = 0.1
"""Seconds without a key before it is looked for."""


class FindPanel(ModalScreen["Found | None"]):
    """Words above, the turns that hold them below; ends with the one that was chosen."""

    CSS_PATH = "panels.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f3,ctrl+f", "dismiss", "Close", id="find.close", tooltip="Back to the chat", priority=True),
        Binding("ctrl+t", "whose", "Whose chats", id="find.whose", tooltip="In all chats, or this character's only"),
        Binding("down", "move(1)", "Below", id="find.below", tooltip="To the turn below", priority=True),
        Binding("up", "move(-1)", "Above", id="find.above", tooltip="To the turn above", priority=True),
    ]

    def __init__(self, store: "ChatStore", character: str, query: str = "") -> None:
        super().__init__()
        self.store, self.character, self.query_text = store, character, query
        self.only_this = False
        self.found: list[Found] = []
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """What is looked for, what was found."""
        with Vertical(classes="panel"):
            yield Input(self.query_text, placeholder="words, or a “phrase”")
            yield OptionList()
            yield Static(classes="told")
            yield Static("Enter opens the chat there · Ctrl+T whose chats · Esc closes", classes="keys")

    def on_mount(self) -> None:
        """Begin to look at once."""
        self.query_one(Input).focus()
        self._look()

    @on(Input.Changed)
    def _wait(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_PAUSE, self._look)

    @on(FoundRead)
    def _draw_found(self, message: FoundRead) -> None:
        if message.query != self.query_one(Input).value:
            return
        self.found = message.found
        options = self.query_one(OptionList)
        options.set_options([Option(_row(found)) for found in self.found])
        options.highlighted = 0 if self.found else None
        told = f"{len(self.found)} found, the newest first" if self.found else "nothing found"
        self.query_one(".told", Static).update(told if message.query.strip() else "")

    @on(Refused)
    def _draw_refused(self, message: Refused) -> None:
        message.stop()
        self.query_one(".told", Static).update(plain(message.problem))

    @on(Input.Submitted)
    def _choose(self) -> None:
        at = self.query_one(OptionList).highlighted
        if at is not None:
            self.dismiss(self.found[at])

    @on(OptionList.OptionSelected)
    def _choose_clicked(self, message: OptionList.OptionSelected) -> None:
        self.dismiss(self.found[message.option_index])

    def action_move(self, by: int) -> None:
        """Mark another turn; what is looked for can still be typed."""
        options = self.query_one(OptionList)
        (options.action_cursor_down if by > 0 else options.action_cursor_up)()

    def action_whose(self) -> None:
        """Look in all chats, or in this character's only."""
        self.only_this = not self.only_this
        self._look()

    def _look(self) -> None:
        whose = f"in the chats with {self.character}" if self.only_this else "in all chats"
        self.query_one(".panel").border_title = Content(f"find {whose}")
        query, character = self.query_one(Input).value, self.character if self.only_this else None
        job = partial(jobs.find, self.post_message, self.store, query, character)
        self.run_worker(job, thread=True, exclusive=True)


def _row(found: "Found") -> Content:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(found.when))
    who = found.character if found.role == "assistant" else f"you to {found.character}"
    line = plain(found.snippet)
    for start, end in found.places:
        line = line.stylize("bold underline", start, end)
    return Content("\n").join([plain(f"{when}  {who}", "dim"), line])
