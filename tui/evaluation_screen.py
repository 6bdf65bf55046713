"""Evaluations: what an adapter learned, what the prefix does, what was forgotten; new ones are begun here."""

import time
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Static

from roleplay.paths import shown
from roleplay.text import one_line
from tui import workshop_jobs
from tui.evaluation_view import EvaluationView
from tui.messages import Refused
from tui.plain import plain, tell
from tui.workshop_messages import EvaluationsRead

if TYPE_CHECKING:
    from roleplay.evaluation.background import Evaluating
    from roleplay.evaluation.listing import ListedEvaluation
    from roleplay.paths import Home

_COLUMNS = ("character", "adapter", "size", "state", "when", "says first")
_WHOSE = 0
"""Column of the character."""
_LOOKS = 1.0
"""Seconds between looks at the evaluations."""
_NONE_YET = "No evaluations yet: s begins a quick one, of minutes; f asks everything."


class EvaluationScreen(Screen[None]):
    """A table above, the marked evaluation below; evaluating is a process that needs no screen."""

    CSS_PATH = "evaluation.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.pop_screen", "Back", id="evaluation.back", tooltip="Back; an evaluation goes on"),
        Binding(
            "s", "begin(True)", "Quick", id="evaluation.quick", tooltip="Evaluate a part of everything, in minutes"
        ),
        Binding("f", "begin(False)", "Full", id="evaluation.full", tooltip="Evaluate everything"),
        Binding("t", "stop", "Stop", id="evaluation.stop", tooltip="Stop evaluating; begun again, it goes on"),
        Binding("n", "turn(1)", "Next sample", id="evaluation.next", tooltip="What the lanes said to the next prompt"),
        Binding("p", "turn(-1)", "Previous", id="evaluation.previous", tooltip="Go back to the prompt before"),
        Binding("o", "page", "Page", id="evaluation.page", tooltip="Copy the path of the page with pictures"),
        Binding("a", "all", "All", id="evaluation.all", tooltip="Evaluations of all characters, or of this one"),
    ]

    def __init__(self, home: "Home", character: str | None, run: str | None = None) -> None:
        """`run` is the one to evaluate next; without it, it is the adapter that answers for the character."""
        super().__init__()
        self.home, self.chosen, self.run = home, character, run
        self.everyone = character is None
        self.table: DataTable[Text] = DataTable(cursor_type="row", id="evaluations")
        self.evaluations: list[ListedEvaluation] = []
        self._read_once = self._reading = False

    @property
    def character(self) -> str | None:
        """Whose evaluation the cursor is at, else the one these are of."""
        here = self._here()
        return here.character if here is not None and self.everyone else self.chosen

    def compose(self) -> ComposeResult:
        """As the screen is."""
        yield Static(id="title")
        with Vertical(id="body"):
            yield self.table
            yield EvaluationView()
        yield Static(id="progress")
        yield Footer()

    def on_mount(self) -> None:
        """Read the evaluations, now and again."""
        self.table.focus()
        self._read()
        self.set_interval(_LOOKS, self._read)

    # --- what is drawn when something was posted ---

    @on(EvaluationsRead)
    def _draw_evaluations(self, message: EvaluationsRead) -> None:
        self._reading = False
        if list(message.evaluations) != self.evaluations or not self._read_once:
            here = self._here()
            self.evaluations, self._read_once = list(message.evaluations), True
            self._draw_table(here)
        whose = "all characters" if self.everyone else self.chosen or ""
        title = [Content("Evaluations of "), plain(whose, "bold")]
        if message.character is not None:
            evaluates = message.adapter or "the base alone, as no adapter answers (F8 trains one)"
            title.append(plain(f"  next: {'' if not self.everyone else message.character + ' '}{evaluates}", "dim"))
        self.query_one("#title", Static).update(Content.assemble(*title))
        self._draw_progress(message.evaluating)

    @on(DataTable.RowHighlighted)
    def _draw_marked(self) -> None:
        self.query_one(EvaluationView).show(self._here(), _NONE_YET)

    @on(Refused)
    def _draw_refused(self, message: Refused) -> None:
        self._reading = False
        tell(self, message.problem, "error")

    def _draw_progress(self, evaluating: "Evaluating | None") -> None:
        here, line = self._here(), self.query_one("#progress", Static)
        line.set_class(evaluating is not None and evaluating.state == "failed", "problem")
        if evaluating is not None and evaluating.state != "finished":
            line.update(plain(_progress(evaluating)))
        elif here is not None and here.report is not None:
            line.update(plain(f"page with pictures: {shown(here.page)}"))
        else:
            line.update("")

    # --- keys, which the palette names too ---

    def action_begin(self, quick: bool) -> None:
        """Evaluate the character at hand; it goes on without this screen."""
        name = self.character
        if name is None:
            tell(self, "Whom to evaluate? Choose a character first.")
            return
        job = partial(workshop_jobs.begin_evaluation, self.post_message, self.home, name, quick, self._run_next)
        self.run_worker(job, thread=True)

    def action_stop(self) -> None:
        """Have the evaluation of the character at hand end."""
        name = self.character
        if name is not None:
            job = partial(workshop_jobs.stop_evaluation, self.post_message, self.home, name)
            self.run_worker(job, thread=True)

    def action_turn(self, by: int) -> None:
        """Show another sample."""
        if not self.query_one(EvaluationView).turn(by):
            tell(self, "This evaluation has no samples to read.")

    def action_page(self) -> None:
        """Copy the path of the page of the marked evaluation."""
        here = self._here()
        if here is None or not here.page.is_file():
            tell(self, "There is no page yet; it is written when an evaluation is finished.")
            return
        self.app.copy_to_clipboard(str(here.page))
        tell(self, f"Copied, to be opened in a browser: {shown(here.page)}")

    def action_all(self) -> None:
        """Show the evaluations of all characters, or those of one again."""
        if self.chosen is None:
            tell(self, "These are the evaluations of all characters.")
            return
        self.everyone = not self.everyone
        self._reading = False
        self._read()

    # --- steps that several of the above take ---

    def _read(self) -> None:
        if self._reading:
            return
        self._reading = True
        whose = None if self.everyone else self.chosen
        asked = (self.post_message, self.home, whose, self.character, self._run_next)
        self.run_worker(partial(workshop_jobs.read_evaluations, *asked), thread=True, group="read")

    def _here(self) -> "ListedEvaluation | None":
        row = self.table.cursor_row
        return self.evaluations[row] if 0 <= row < len(self.evaluations) else None

    @property
    def _run_next(self) -> str | None:
        return self.run if self.character == self.chosen else None

    def _draw_table(self, here: "ListedEvaluation | None") -> None:
        table = self.table
        table.clear(columns=True)
        columns = list(zip(_COLUMNS, *map(_row, self.evaluations), strict=True))
        if not self.everyone:
            del columns[_WHOSE]  # it is in the title
        for name, *cells in columns:
            table.add_column(str(name), width=max(cell_len(str(cell)) for cell in (name, *cells)))
        table.add_rows(zip(*(cells for _, *cells in columns), strict=True))
        folders = [listed.folder for listed in self.evaluations]
        if here is not None and here.folder in folders:
            table.move_cursor(row=folders.index(here.folder))
        self._draw_marked()


def _row(listed: "ListedEvaluation") -> list[Text]:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(listed.changed))
    says = listed.report.findings[0].text if listed.report is not None and listed.report.findings else ""
    cells = (listed.character, listed.adapter, listed.size, listed.state, when)
    return [*(Text(one_line(cell, 48)) for cell in cells), Text(one_line(says, 48))]


def _progress(evaluating: "Evaluating") -> str:
    """Where the evaluation in the background is, or how it ended."""
    words = one_line(evaluating.last_words, 300)
    if evaluating.state == "stopped":
        return "stopped; begun again, it goes on from what it found"
    if evaluating.state == "failed":
        return words if words.startswith("error: ") else f"it ended before its time, after: {words or 'nothing'}"
    minutes, seconds = divmod(round(evaluating.seconds), 60)
    return f"evaluating · {words or 'starting'} · {minutes} min {seconds:02} s"
