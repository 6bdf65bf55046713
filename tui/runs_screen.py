"""Runs: what was trained, with what outcome, and which is promoted; marked ones side by side as curves."""

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

from roleplay.text import one_line
from tui import workshop_jobs
from tui.confirm_screen import ConfirmScreen
from tui.curves import CurvePicture, Line
from tui.messages import Refused
from tui.plain import plain, tell
from tui.workshop_messages import AnswersNow, EvaluationsAsked, RunChosen, RunsRead

if TYPE_CHECKING:
    from pathlib import Path

    from roleplay.paths import Home
    from roleplay.training.listing import ListedRun

_COLUMNS = ("", "character", "run", "state", "preset", "base", "steps", "held-out")
_WHOSE = 1
"""Column of the character."""
_LOOKS = 2.0
"""Seconds between looks at the runs."""


class RunsScreen(Screen[None]):
    """A table above, one picture below."""

    CSS_PATH = "runs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.pop_screen", "Back", id="runs.back", tooltip="Back to where you were"),
        Binding("space", "mark", "Mark", id="runs.mark", tooltip="Compare the run with the other marked ones"),
        Binding("a", "all", "All", id="runs.all", tooltip="Runs of all characters, or of this one"),
        Binding("enter", "watch", "Watch", id="runs.watch", tooltip="Look at it on the training screen", priority=True),
        Binding(
            "p",
            "promote",
            "Promote",
            id="runs.promote",
            tooltip="Its best adapter answers in chat; again takes it back",
        ),
        Binding("e", "evaluate", "Evaluate", id="runs.evaluate", tooltip="What its adapter learned, in figures"),
        Binding("delete", "remove", "Remove", id="runs.remove", tooltip="Remove the marked runs; it asks twice"),
    ]

    def __init__(self, home: "Home", character: str | None) -> None:
        super().__init__()
        self.home, self.chosen = home, character
        self.everyone = character is None
        self.table: DataTable[Text] = DataTable(cursor_type="row", id="runs")
        self.runs: list[ListedRun] = []
        self.marked: set[Path] = set()
        self.promoted: dict[Path, str] = {}
        """By folder of a run: which of its adapters is promoted."""

    @property
    def character(self) -> str | None:
        """Whose run the cursor is at, else the one these are of."""
        here = self._here()
        return here.character if here is not None else self.chosen

    def compose(self) -> ComposeResult:
        """As the screen is."""
        yield Static(id="title")
        with Vertical(id="body"):
            yield self.table
            yield CurvePicture(id="curves")
        yield Footer()

    def on_mount(self) -> None:
        """Read the runs, now and again."""
        self.table.focus()
        self._read()
        self.set_interval(_LOOKS, self._read)

    # --- what is drawn when something was posted ---

    @on(RunsRead)
    def _draw_runs(self, message: RunsRead) -> None:
        if (list(message.runs), message.promoted) == (self.runs, self.promoted) and self.runs:
            return
        here = self._here()
        self.runs, self.promoted = list(message.runs), dict(message.promoted)
        self.marked &= {listed.run.folder for listed in self.runs}
        self._draw(here)

    @on(DataTable.RowHighlighted)
    def _draw_curves(self) -> None:
        here = self._here()
        compared = [listed for listed in self.runs if listed.run.folder in self.marked]
        if compared:
            lines = [Line(f"{listed.character}/{listed.run.name}", listed.curves.heldout) for listed in compared]
            self.query_one(CurvePicture).show(lines, "held-out loss")
        elif here is not None:
            lines = [Line("held-out", here.curves.heldout), Line("training, smoothed", here.curves.smoothed)]
            self.query_one(CurvePicture).show(lines, here.run.name)
        else:
            self.query_one(CurvePicture).show([])

    @on(Refused)
    def _draw_refused(self, message: Refused) -> None:
        tell(self, message.problem, "error")

    @on(AnswersNow)
    def _draw_answers(self, message: AnswersNow) -> None:
        who = message.label or "the base alone"
        tell(self, f"For {message.character}, {who} answers in new chats now.")

    # --- keys, which the palette names too ---

    def action_mark(self) -> None:
        """Mark the run at the cursor, or take the mark away."""
        here = self._here()
        if here is not None:
            self.marked ^= {here.run.folder}
            self._draw(here)

    def action_all(self) -> None:
        """Show the runs of all characters, or those of one again."""
        if self.chosen is None:
            tell(self, "These are the runs of all characters.")
            return
        self.everyone = not self.everyone
        self._read()

    def action_watch(self) -> None:
        """Look at the run at the cursor on the training screen."""
        here = self._here()
        if here is not None:
            self.post_message(RunChosen(here.run))

    def action_evaluate(self) -> None:
        """Look at the evaluations of the character, and evaluate the run at the cursor next."""
        here = self._here()
        if here is not None:
            self.post_message(EvaluationsAsked(here.run))

    def action_promote(self) -> None:
        """Let the best adapter of the run at the cursor answer in chat; if one of it is promoted, take that back."""
        here = self._here()
        if here is not None:
            run = None if here.run.folder in self.promoted else here.run.name
            job = partial(workshop_jobs.promote_run, self.post_message, self.home, here.character, run, self._whose)
            self.run_worker(job, thread=True)

    def action_remove(self) -> None:
        """Remove the marked runs, else the one at the cursor, after two questions."""
        here = self._here()
        doomed = [listed for listed in self.runs if listed.run.folder in self.marked] or ([here] if here else [])
        if doomed:
            self.run_worker(self._ask_twice(doomed))

    async def _ask_twice(self, doomed: "list[ListedRun]") -> None:
        names = "\n".join(f"{listed.character}/{listed.run.name}" for listed in doomed)
        if not await self.app.push_screen_wait(ConfirmScreen(f"Remove with adapters and checkpoints?\n\n{names}")):
            return
        what = "this run" if len(doomed) == 1 else f"these {len(doomed)} runs"
        if not await self.app.push_screen_wait(
            ConfirmScreen(f"Nothing brings {what} back. Remove for good?\n\n{names}")
        ):
            return
        named: dict[str, list[str]] = {}
        for listed in doomed:
            named.setdefault(listed.character, []).append(listed.run.name)
        self.run_worker(
            partial(workshop_jobs.remove_runs, self.post_message, self.home, named, self._whose), thread=True
        )

    # --- steps that several of the above take ---

    @property
    def _whose(self) -> str | None:
        return None if self.everyone else self.chosen

    def _read(self) -> None:
        self.run_worker(
            partial(workshop_jobs.read_runs, self.post_message, self.home, self._whose), thread=True, group="read"
        )

    def _here(self) -> "ListedRun | None":
        row = self.table.cursor_row
        return self.runs[row] if 0 <= row < len(self.runs) else None

    def _draw(self, here: "ListedRun | None") -> None:
        table = self.table
        table.clear(columns=True)
        rows = [
            _row(listed, marked=listed.run.folder in self.marked, promoted=self.promoted.get(listed.run.folder))
            for listed in self.runs
        ]
        columns = list(zip(_COLUMNS, *rows, strict=True))
        if not self.everyone:
            del columns[_WHOSE]  # it is in the title
        for name, *cells in columns:
            table.add_column(str(name), width=max(cell_len(str(cell)) for cell in (name, *cells)))
        table.add_rows(zip(*(cells for _, *cells in columns), strict=True))
        folders = [listed.run.folder for listed in self.runs]
        if here is not None and here.run.folder in folders:
            table.move_cursor(row=folders.index(here.run.folder))
        whose = "all characters" if self.everyone else self.chosen or ""
        hint = "" if self.runs else "  none yet: F8 trains one"
        self.query_one("#title", Static).update(Content.assemble("Runs of ", plain(whose, "bold"), hint))
        self._draw_curves()


def _row(listed: "ListedRun", *, marked: bool, promoted: str | None) -> list[Text]:
    state = f"promoted: {promoted}" if promoted else "answers in chat" if listed.answers else listed.state
    best = "" if listed.best is None else f"{listed.best:.3f}"
    cells = ("●" if marked else " ", listed.character, listed.run.name, state, listed.preset, listed.base)
    return [Text(one_line(cell, 48)) for cell in (*cells, str(listed.steps), best)]
