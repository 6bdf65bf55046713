"""The characters to choose from, each with what it has, and the conversations of the one that is marked."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, OptionList, Static
from textual.widgets.option_list import Option

from roleplay.errors import RoleplayError
from roleplay.text import one_line
from tui.messages import Chosen, Refused, RosterRead
from tui.plain import plain, tell

if TYPE_CHECKING:
    from roleplay.chat.roster import Entry
    from roleplay.chat.store import StoredChat


class CharactersScreen(Screen[None]):
    """Characters at the left, conversations at the right."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="characters.back", tooltip="Back to the chat"),
        Binding("right", "app.focus_next", "Chats", id="characters.chats", tooltip="To the conversations"),
        Binding("left", "app.focus_previous", "Characters", id="characters.characters", tooltip="To the characters"),
    ]

    def __init__(self, read: "Callable[[], list[Entry]]") -> None:
        super().__init__()
        self.read = read
        self.entries: list[Entry] = []

    def compose(self) -> ComposeResult:
        """Two lists beside each other."""
        yield Static(Content("Who do you want to talk to?"), id="title")
        with Horizontal(id="body"):
            yield OptionList(id="characters")
            yield OptionList(id="chats")
        yield Footer()

    def on_mount(self) -> None:
        """Read the cards after the first frame."""
        self.query_one("#characters", OptionList).border_title = "characters"
        self.query_one("#chats", OptionList).border_title = "conversations"
        self.query_one("#characters").focus()
        self.call_after_refresh(self._read)

    @work(thread=True, exit_on_error=True)
    def _read(self) -> None:
        try:
            self.post_message(RosterRead(self.read()))
        except RoleplayError as error:
            self.post_message(Refused(str(error)))

    @on(RosterRead)
    def _draw_roster(self, message: RosterRead) -> None:
        self.entries = message.entries
        characters = self.query_one("#characters", OptionList)
        characters.clear_options()
        characters.add_options([Option(_character(entry), disabled=entry.faults > 0) for entry in self.entries])
        characters.highlighted = next((i for i, entry in enumerate(self.entries) if not entry.faults), None)
        if not self.entries:
            self.query_one("#title", Static).update(
                "No characters yet: write one to ./characters/<name>.yaml, as README shows."
            )

    @on(Refused)
    def _draw_refused(self, message: Refused) -> None:
        tell(self, message.problem, "error")

    @on(OptionList.OptionHighlighted, "#characters")
    def _draw_chats(self, message: OptionList.OptionHighlighted) -> None:
        chats = self.query_one("#chats", OptionList)
        chats.clear_options()
        chats.add_option(Option("a new conversation"))
        chats.add_options([Option(_chat(chat)) for chat in self.entries[message.option_index].chats])
        chats.highlighted = 0

    @on(OptionList.OptionSelected)
    def _choose(self, message: OptionList.OptionSelected) -> None:
        marked = self.query_one("#characters", OptionList).highlighted
        if marked is None:
            return
        entry, chat = self.entries[marked], None
        if message.option_list.id == "chats" and message.option_index > 0:
            chat = entry.chats[message.option_index - 1].id
        self.post_message(Chosen(entry, chat))

    def action_back(self) -> None:
        """Back to the chat, if there is one."""
        if len(self.app.screen_stack) > 1:
            self.app.pop_screen()


def _character(entry: "Entry") -> Content:
    chats = "1 conversation" if len(entry.chats) == 1 else f"{len(entry.chats)} conversations"
    has = f"adapter {entry.adapter}" if entry.adapter is not None else "no adapter"
    return Content("\n").join(
        [
            Content("  ").join([plain(entry.display_name, "bold"), plain(f"{entry.name} · {entry.place}", "dim")]),
            plain(f"{has} · {chats}", "dim"),
            plain(one_line(entry.about, 200)),
        ]
    )


def _chat(chat: "StoredChat") -> Content:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(chat.changed))
    turns = "1 message" if chat.said == 1 else f"{chat.said} messages"
    return Content("\n").join([plain(one_line(chat.opening, 80)), plain(f"{when} · {turns}", "dim")])
