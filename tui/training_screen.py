"""Training: choose a preset, see the plan, start it, watch it learn."""

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Static

from roleplay.training.background import options
from roleplay.training.resolve import load_presets
from tui import workshop_jobs
from tui.aside import Aside
from tui.learning import Learning
from tui.messages import Refused
from tui.plain import plain, tell
from tui.training_form import TrainingForm
from tui.workshop_messages import LookedAt, PlanTold, RunChosen, SettingsResolved

if TYPE_CHECKING:
    from roleplay.paths import Home
    from roleplay.training.run import Run

_LOOKS = 1.0
"""Seconds between looks at a run."""


class TrainingScreen(Screen[None]):
    """What to train at the left, how it learns at the right; the run itself is a process that needs no screen."""

    CSS_PATH = "training.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.pop_screen", "Back", id="training.back", tooltip="Back; a training goes on"),
        Binding(
            "ctrl+l", "plan", "Plan", id="training.plan", tooltip="Samples, steps, memory and time, before it begins"
        ),
        Binding("ctrl+s", "start", "Start", id="training.start", tooltip="Begin a training in the background"),
        Binding("ctrl+t", "stop", "Stop", id="training.stop", tooltip="Have it save and stop"),
        Binding("ctrl+r", "resume", "Resume", id="training.resume", tooltip="Go on with the stopped run"),
    ]

    def __init__(self, home: "Home", character: str, run: "Run | None" = None) -> None:
        super().__init__()
        self.home, self.character, self.run = home, character, run
        self._aside: Aside | None = None
        self._looking = False
        self._asked = 0

    def compose(self) -> ComposeResult:
        """As the screen is."""
        yield Static(Content.assemble("Training ", plain(self.character, "bold")), id="title")
        with Horizontal(id="body"):
            yield TrainingForm(load_presets())
            yield Learning()
        yield Footer()

    def on_mount(self) -> None:
        """Find the run to watch, and what would be trained."""
        self.query_one("#presets").focus()
        if self.run is None:
            self._in_thread(partial(workshop_jobs.newest_run, self.post_message, self.home, self.character))
        self._resolve()
        self.set_interval(_LOOKS, self._look)
        self._look()

    def on_unmount(self) -> None:
        """Whoever leaves wants no plan."""
        self._plan_no_more()

    # --- what is drawn when something was posted ---

    @on(TrainingForm.Changed)
    def _resolve(self) -> None:
        form = self.query_one(TrainingForm)
        self._asked += 1
        asked = (self.post_message, self._asked, self.home, self.character, form.preset, form.typed)
        self._in_thread(partial(workshop_jobs.resolve_settings, *asked))

    @on(SettingsResolved)
    def _draw_settings(self, message: SettingsResolved) -> None:
        if message.number == self._asked:
            self.query_one(TrainingForm).show(message.resolved, message.problem)

    @on(PlanTold)
    def _draw_plan(self, message: PlanTold) -> None:
        self.query_one(Learning).plan(message.text, failed=message.failed)

    @on(RunChosen)
    def _watch(self, message: RunChosen) -> None:
        message.stop()
        self.run = message.run
        self._look()

    @on(LookedAt)
    def _draw_progress(self, message: LookedAt) -> None:
        self._looking = False
        if message.progress.run == self.run:
            self.query_one(Learning).show(message.progress)

    @on(Refused)
    def _draw_refused(self, message: Refused) -> None:
        self._looking = False
        tell(self, message.problem, "error")

    # --- keys, which the palette names too ---

    def action_plan(self) -> None:
        """Have a few steps taken and thrown away, to tell what the run will cost."""
        form = self.query_one(TrainingForm)
        self._plan_no_more()
        chosen = [f"--preset={form.preset}"] if form.preset else []
        self._aside = Aside("train", self.character, "--plan", *chosen, *options(form.typed))
        self.query_one(Learning).plan("planning: a few steps are taken and thrown away …")
        self._in_thread(partial(workshop_jobs.tell_plan, self.post_message, self._aside))

    def action_start(self) -> None:
        """Begin a training that goes on without this screen."""
        form = self.query_one(TrainingForm)
        if form.preset is None:
            tell(self, "Choose a preset first.", "warning")
            return
        self._plan_no_more()
        self.query_one(Learning).plan("")
        asked = (self.post_message, self.home, self.character, form.preset, form.typed, form.run_name)
        self._in_thread(partial(workshop_jobs.begin_run, *asked))

    def action_stop(self) -> None:
        """Have the watched run save and stop."""
        if self.run is None:
            tell(self, "There is no run to stop.")
        else:
            tell(self, "It saves after the step it is at, and stops.")
            self._in_thread(partial(workshop_jobs.stop_run, self.post_message, self.run))

    def action_resume(self) -> None:
        """Go on with the watched run."""
        if self.run is None:
            tell(self, "There is no run to resume.")
        else:
            self._in_thread(partial(workshop_jobs.resume_run, self.post_message, self.run))

    def _plan_no_more(self) -> None:
        if self._aside is not None:
            self._aside.close()

    def _look(self) -> None:
        if self.run is not None and not self._looking:
            self._looking = True
            self._in_thread(partial(workshop_jobs.look, self.post_message, self.run))

    def _in_thread(self, job: "partial[None]") -> None:
        self.run_worker(job, thread=True)
