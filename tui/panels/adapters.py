"""The character's adapters: one is taken for the chat, or the last message is answered by every checkpoint of a run."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.messages import AdaptersRead, AsideEnded, AsideHeard
from tui.panels import jobs
from tui.plain import plain, tell

if TYPE_CHECKING:
    from roleplay.chat.said import Said
    from roleplay.chat.talk import Talk
    from roleplay.models.find import AdapterChoice

_DRAWS_PER_SECOND = 10
_LIST_KEYS = "Enter lets it answer from now on · s hear the last message from each of its run · Esc closes"
_HEARD_KEYS = "Enter takes the answer over · Esc stops, then goes back to the list"


class AdaptersPanel(ModalScreen[bool]):
    """A list of adapters; after `s`, of what each of one run says. Ends with whether the conversation has changed."""

    CSS_PATH = "panels.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="adapters.back", tooltip="Stop, back to the list, back to the chat"),
        Binding("f7", "close", "Close", id="adapters.close", tooltip="Back to the chat"),
        Binding("s", "scrub", "Hear all", id="adapters.scrub", tooltip="The last message, answered by each of the run"),
    ]

    def __init__(self, talk: "Talk", is_busy: Callable[[], bool]) -> None:
        super().__init__()
        self.talk, self.is_busy = talk, is_busy
        self.choices: list[AdapterChoice] = []
        self.heard: dict[str, str] = {}
        """By label: what was heard of it; empty in the list of adapters."""
        self.hearing = False
        self._stale: set[str] = set()

    def compose(self) -> ComposeResult:
        """One list."""
        with Vertical(classes="panel"):
            yield Static("looking for adapters …", classes="head")
            yield OptionList()
            yield Static(_LIST_KEYS, classes="keys")

    def on_mount(self) -> None:
        """Read them in a thread: they lie in many folders."""
        self.query_one(".panel").border_title = "adapters"
        self.query_one(OptionList).focus()
        self.set_interval(1 / _DRAWS_PER_SECOND, partial(self.call_later, self._flush))
        self.run_worker(partial(jobs.read_adapters, self.post_message, self.talk), thread=True)

    def on_unmount(self) -> None:
        """Nobody listens any more."""
        if self.hearing:
            self.talk.stop()

    @on(AdaptersRead)
    def _draw_adapters(self, message: AdaptersRead) -> None:
        self.choices = message.choices
        self._draw_list()

    @on(AsideHeard)
    def _draw_heard(self, message: AsideHeard) -> None:
        from roleplay.generation.events import Finished, Piece

        heard, label = message.heard, message.heard.lane.which
        if isinstance(heard, Piece):
            self.heard[label] += heard.text
        elif isinstance(heard, Finished):
            self.heard[label] = heard.text
        self._stale.add(label)

    @on(AsideEnded)
    def _draw_ended(self, message: AsideEnded) -> None:
        self.hearing = False
        self._flush()
        self._head(message.problem or "Each has said what it says.")

    @on(OptionList.OptionSelected)
    def _choose(self, message: OptionList.OptionSelected) -> None:
        label = message.option.id or ""
        if not self.heard:
            self.talk.choose_adapter(label)
            self.dismiss(False)
        elif self.hearing:
            tell(self, "They are still speaking; Esc stops them.")
        elif (said := self._said(label)) is None:
            tell(self, "This one said nothing.")
        else:
            self.talk.session.take(said)
            self.dismiss(True)

    def action_scrub(self) -> None:
        """Have the last message answered by each adapter of the marked one's run."""
        at = self.query_one(OptionList).highlighted
        if self.heard or at is None or not self.choices or self.is_busy():
            return
        run = self.choices[max(at - 1, 0)].run
        labels = [choice.label for choice in self.choices if choice.run == run and choice.step is not None]
        if not any(said.role == "user" for said in self.talk.session.line):
            tell(self, "Nothing was said yet that could be answered.")
        elif labels:
            self.heard, self.hearing = dict.fromkeys(labels, ""), True
            self._head(f"What each adapter of {run} says to your last message:")
            self._show([self._answer(label) for label in labels], _HEARD_KEYS)
            self.run_worker(partial(jobs.hear_aside, self.post_message, self.talk, labels), thread=True)

    def action_back(self) -> None:
        """Stop; else back to the list; else back to the chat."""
        if self.hearing:
            self.talk.stop()
        elif self.heard:
            self.heard = {}
            self._draw_list()
        else:
            self.dismiss(False)

    def action_close(self) -> None:
        """Back to the chat."""
        self.dismiss(False)

    def _draw_list(self) -> None:
        settings, ready = self.talk.session.settings, self.talk.answers.ready
        opened = (ready.adapter if ready is not None else None) or "none"
        current = settings.adapter
        rows = [Option(_row("as opened", opened, not current), id="")]
        for choice in self.choices:
            about = "damaged" if choice.step is None else f"step {choice.step}"
            if choice.heldout_loss is not None:
                about += f" · held-out loss {choice.heldout_loss:.3f}"
            rows.append(Option(_row(choice.label, about, choice.label == current), id=choice.label))
        told = "Who answers for the character?" if self.choices else "This character has no adapter yet: F8 trains one."
        self._head(told)
        self._show(rows, _LIST_KEYS)

    def _flush(self) -> None:
        """Draw what was heard since."""
        options = self.query_one(OptionList)
        for label in self._stale & self.heard.keys():
            options.replace_option_prompt(label, self._prompt(label))
        self._stale.clear()

    def _answer(self, label: str) -> Option:
        return Option(self._prompt(label), id=label)

    def _prompt(self, label: str) -> Content:
        return Content("\n").join([plain(label, "bold"), plain(self.heard[label] or "…")])

    def _said(self, label: str) -> "Said | None":
        """What the adapter said, as it was kept beside the person's last turn."""
        session = self.talk.session
        user = next(said for said in reversed(session.line) if said.role == "user")
        names = (f"persona@{label}", f"persona@{label}+prefix")
        return next((said for said in session.beside(user) if said.lane in names and said.text), None)

    def _show(self, rows: list[Option], keys: str) -> None:
        options = self.query_one(OptionList)
        options.set_options(rows)
        options.highlighted = 0
        self.query_one(".keys", Static).update(keys)

    def _head(self, told: str) -> None:
        self.query_one(".head", Static).update(plain(told))


def _row(label: str, about: str, answers: bool) -> Content:
    return Content("  ").join([plain("●" if answers else " "), plain(label, "bold"), plain(about, "dim")])
