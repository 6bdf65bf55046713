"""The characters to choose from: the card of the one that is marked, its conversations, ways to more characters."""

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, OptionList, Static
from textual.widgets.option_list import Option

from roleplay.errors import RoleplayError
from roleplay.text import one_line
from tui import workshop_jobs
from tui.aside import Aside
from tui.card_panel import CardPanel
from tui.form_screen import Field, FormScreen
from tui.messages import Chosen, Refused, RosterRead
from tui.plain import plain, tell
from tui.report_screen import ReportScreen
from tui.workshop_messages import CardRead, CharacterAdded, CorpusCounted, NotAdded, StatisticsTold

if TYPE_CHECKING:
    from roleplay.chat.roster import Entry
    from roleplay.chat.store import StoredChat
    from roleplay.dataset.sheet import HeldCorpus
    from roleplay.paths import Home

_NEW = (
    Field("name", "Name in commands and folders", "letters, digits, - and _"),
    Field("language", "Language, zh or en", "told by the name it goes by"),
    Field("display_name", "Name it goes by", "the same as the first"),
)
_IMPORT = (
    Field("path", "A .png, .json, .charx or .yaml card", "~/Downloads/card.png"),
    Field("name", "Name in commands and folders", "made of the card's own"),
)


class CharactersScreen(Screen[None]):
    """Characters at the left; at the right the card of the marked one, its conversations below."""

    CSS_PATH = "characters.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="characters.back", tooltip="Back to the chat"),
        Binding("right", "to('chats')", "Chats", id="characters.chats", tooltip="To the conversations"),
        Binding("left", "to('characters')", "Characters", id="characters.characters", tooltip="To the characters"),
        Binding("n", "new", "New", id="characters.new", tooltip="Sketch a new character"),
        Binding("i", "import", "Import", id="characters.import", tooltip="Import a card of another program"),
        Binding("s", "measure", "Statistics", id="characters.statistics", tooltip="Measure what its corpora are worth"),
        Binding("t", "app.training", "Train", id="characters.train", tooltip="Train the marked character"),
        Binding("r", "app.runs", "Runs", id="characters.runs", tooltip="Its trainings"),
        Binding("e", "app.evaluations", "Evaluations", id="characters.evaluations", tooltip="What its adapter learned"),
    ]

    def __init__(self, read: "Callable[[], list[Entry]]", home: "Home") -> None:
        super().__init__()
        self.read, self.home = read, home
        self.entries: list[Entry] = []
        self.corpora: list[HeldCorpus] = []
        self._wanted: str | None = None
        self._aside: Aside | None = None

    @property
    def character(self) -> str | None:
        """Name of the marked one; `None` where there is none."""
        entry = self._marked()
        return entry.name if entry is not None else None

    def compose(self) -> ComposeResult:
        """A list, beside it card and conversations."""
        yield Static(Content("Who do you want to talk to?"), id="title")
        with Horizontal(id="body"):
            yield OptionList(id="characters")
            with Vertical(id="marked"):
                yield CardPanel()
                yield OptionList(id="chats")
        yield Footer()

    def on_mount(self) -> None:
        """Read the cards after the first frame."""
        self.query_one("#characters", OptionList).border_title = "characters"
        self.query_one("#chats", OptionList).border_title = "conversations"
        self.query_one("#characters").focus()
        self.call_after_refresh(self._read)

    def on_unmount(self) -> None:
        """Whoever leaves wants no statistics."""
        if self._aside is not None:
            self._aside.close()

    @work(thread=True, exit_on_error=True)
    def _read(self) -> None:
        try:
            self.post_message(RosterRead(self.read()))
        except RoleplayError as error:
            self.post_message(Refused(str(error)))

    # --- what is drawn when something was posted ---

    @on(RosterRead)
    def _draw_roster(self, message: RosterRead) -> None:
        self.entries = message.entries
        characters = self.query_one("#characters", OptionList)
        characters.clear_options()
        characters.add_options([Option(_character(entry)) for entry in self.entries])
        sound = (i for i, entry in enumerate(self.entries) if not entry.faults)
        wanted = (i for i, entry in enumerate(self.entries) if entry.name == self._wanted)
        characters.highlighted = next(wanted, next(sound, None))
        if not self.entries:
            self.query_one("#title", Static).update(
                "No characters yet: write one to ./characters/<name>.yaml, as README shows, or press n or i."
            )

    @on(Refused)
    def _draw_refused(self, message: Refused) -> None:
        tell(self, message.problem, "error")

    @on(OptionList.OptionHighlighted, "#characters")
    def _draw_marked(self, message: OptionList.OptionHighlighted) -> None:
        entry = self.entries[message.option_index]
        self.query_one(CardPanel).clear()
        chats = self.query_one("#chats", OptionList)
        chats.clear_options()
        if not entry.faults:
            chats.add_option(Option("a new conversation"))
            chats.add_options([Option(_chat(chat)) for chat in entry.chats])
            chats.highlighted = 0
        job = partial(workshop_jobs.read_card, self.post_message, self.home, entry.name)
        self.run_worker(job, thread=True, group="card")

    @on(CardRead)
    def _draw_card(self, message: CardRead) -> None:
        if message.name == self.character:
            self.corpora = []
            self.query_one(CardPanel).show(message.card_file, message.faults)

    @on(CorpusCounted)
    def _draw_corpus(self, message: CorpusCounted) -> None:
        if message.name == self.character:
            self.corpora.append(message.corpus)
            self.query_one(CardPanel).count(self.corpora)

    @on(StatisticsTold)
    def _draw_statistics(self, message: StatisticsTold) -> None:
        if message.name == self.character:
            self.query_one(CardPanel).measure(message.text)

    @on(CharacterAdded)
    def _draw_added(self, message: CharacterAdded) -> None:
        self._wanted = message.name
        self._read()
        self.app.push_screen(ReportScreen(message.report))

    @on(NotAdded)
    def _ask_again(self, message: NotAdded) -> None:
        if message.way == "new":
            self._ask_new(FormScreen("A new character", _NEW, message.typed, message.problem))
        else:
            self._ask_import(FormScreen("Import a character", _IMPORT, message.typed, message.problem))

    @on(OptionList.OptionSelected)
    def _choose(self, message: OptionList.OptionSelected) -> None:
        entry, chat = self._marked(), None
        if entry is None:
            return
        if entry.faults:
            tell(self, f"{entry.name} cannot be talked to before its card is repaired.", "warning")
            return
        if message.option_list.id == "chats" and message.option_index > 0:
            chat = entry.chats[message.option_index - 1].id
        self.post_message(Chosen(entry, chat))

    # --- keys, which the palette names too ---

    def action_back(self) -> None:
        """Back to the chat, if there is one."""
        if len(self.app.screen_stack) > 1:
            self.app.pop_screen()

    def action_to(self, listed: str) -> None:
        """Go to one of the two lists."""
        self.query_one(f"#{listed}").focus()

    def action_new(self) -> None:
        """Ask for a new character."""
        self._ask_new(FormScreen("A new character", _NEW))

    def action_import(self) -> None:
        """Ask for a card to import."""
        self._ask_import(FormScreen("Import a character", _IMPORT))

    def action_measure(self) -> None:
        """Measure the corpora of the marked character."""
        name = self.character
        if name is None:
            return
        if self._aside is not None:
            self._aside.close()
        self._aside = Aside("data", "stats", name, "--no-plot", "--pairs", "3")
        self.query_one(CardPanel).measure("measuring the corpora …")
        job = partial(workshop_jobs.measure_corpora, self.post_message, name, self._aside)
        self.run_worker(job, thread=True, group="statistics")

    def _ask_new(self, form: FormScreen) -> None:
        self._ask(form, workshop_jobs.add_character)

    def _ask_import(self, form: FormScreen) -> None:
        self._ask(form, workshop_jobs.import_character)

    def _ask(self, form: FormScreen, job: Callable[..., None]) -> None:
        def answered(typed: dict[str, str] | None) -> None:
            if typed is not None:
                self.run_worker(partial(job, self.post_message, self.home, typed), thread=True)

        self.app.push_screen(form, answered)

    def _marked(self) -> "Entry | None":
        if not self.entries:
            return None
        marked = self.query_one("#characters", OptionList).highlighted
        return self.entries[marked] if marked is not None and marked < len(self.entries) else None


def _character(entry: "Entry") -> Content:
    chats = "1 conversation" if len(entry.chats) == 1 else f"{len(entry.chats)} conversations"
    has = f"adapter {entry.adapter}" if entry.adapter is not None else "no adapter"
    return Content("\n").join(
        [
            Content("  ").join([plain(entry.display_name, "bold"), plain(f"{entry.name} · {entry.place}", "dim")]),
            plain(f"{has} · {chats}", "dim"),
            plain(one_line(entry.about, 80)),
        ]
    )


def _chat(chat: "StoredChat") -> Content:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(chat.changed))
    turns = "1 message" if chat.said == 1 else f"{chat.said} messages"
    return Content("\n").join([plain(one_line(chat.opening, 80)), plain(f"{when} · {turns}", "dim")])
