"""How a run learns: its losses, how far it is, what the character says by now."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import ProgressBar, Static

from tui.curves import CurvePicture, Line
from tui.plain import plain

if TYPE_CHECKING:
    from roleplay.training.progress import RunProgress
    from roleplay.training.samples import TrainingSample

_ROUNDS = 30
"""Newest rounds of replies that are drawn."""
_COLOURS = {"training": "$text-accent", "finished": "$text-success", "damaged": "$text-error"}


class Learning(Vertical):
    """Curves, a bar, and words below: of a plan, of a failure, of the character."""

    def __init__(self) -> None:
        super().__init__(id="learning")
        self._drawn: RunProgress | None = None

    def compose(self) -> ComposeResult:
        """As it is shown."""
        yield CurvePicture(id="curves")
        with Horizontal(id="far"):
            yield ProgressBar(show_percentage=False, show_eta=False, id="bar")
            yield Static(id="run-figures")
        with VerticalScroll(id="words"):
            yield Static(id="plan")
            yield Static(id="last-words")
            yield Static(id="replies")

    def on_mount(self) -> None:
        """Nothing is known yet."""
        for part in ("#bar", "#plan", "#last-words"):
            self.query_one(part).display = False
        self.query_one("#words").border_title = "plan and replies"
        self.query_one("#run-figures", Static).update(
            "no run yet: choose a preset, Ctrl+L tells its plan, Ctrl+S starts it"
        )

    def plan(self, text: str, *, failed: bool = False) -> None:
        """Draw what a plan says; an empty one goes."""
        plan = self.query_one("#plan", Static)
        plan.set_class(failed, "problem")
        plan.display = bool(text)
        plan.update(plain(f"{text}\n"))
        self.query_one("#words", VerticalScroll).scroll_home(animate=False)

    def show(self, progress: "RunProgress") -> None:
        """Draw where a run is."""
        if progress == self._drawn:
            return
        before, self._drawn = self._drawn, progress
        bar = self.query_one("#bar", ProgressBar)
        bar.display = progress.state in ("starting", "training")
        bar.update(total=progress.steps, progress=progress.step)
        self.query_one("#run-figures", Static).update(_figures(progress))
        if before is None or before.run != progress.run or before.curves != progress.curves:
            curves = progress.curves
            self.query_one(CurvePicture).show(
                [Line("held-out", curves.heldout), Line("training, smoothed", curves.smoothed)], progress.run.name
            )
        self._draw_last_words(progress)
        if before is None or before.samples != progress.samples:
            self.query_one("#replies", Static).update(_replies(progress.samples))

    def _draw_last_words(self, progress: "RunProgress") -> None:
        """What the process said is of use while nothing else is to be seen, and where it ended before its time."""
        last_words = self.query_one("#last-words", Static)
        told = progress.state in ("starting", "stopped", "damaged") or not progress.step
        failed = any(line.startswith("error: ") for line in progress.last_words)
        last_words.set_class(failed and progress.state == "stopped", "problem")
        last_words.display = told and progress.state != "finished" and bool(progress.last_words)
        last_words.update(plain("\n".join([*progress.last_words, ""])))


def _figures(progress: "RunProgress") -> Content:
    parts = [plain(progress.run.name, "bold"), plain(progress.state, _COLOURS.get(progress.state, "$text-warning"))]
    steps = "" if progress.steps is None else f"/{progress.steps}"
    told = [f"step {progress.step}{steps}", f"epoch {progress.epoch:.1f}"]
    if progress.curves.best is not None:
        told.append(f"best held-out {progress.curves.best[1]:.3f} at {progress.curves.best[0]}")
    if progress.tokens_per_second is not None:
        told.append(f"{progress.tokens_per_second:,.0f} tokens/s")
    if progress.remaining is not None:
        told.append(f"{_duration(progress.remaining)} left")
    return Content(" · ").join([*parts, *(plain(part) for part in told)])


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _replies(samples: "Sequence[TrainingSample]") -> Content:
    """The newest round first."""
    rounds = sorted({sample.step for sample in samples}, reverse=True)[:_ROUNDS]
    lines: list[Content] = []
    for step in rounds:
        these = [sample for sample in samples if sample.step == step]
        lines.append(plain(f"step {step}, epoch {these[0].epoch:g}", "$text-accent"))
        for sample in these:
            lines.append(Content("  ").join([plain("▸", "dim"), plain(sample.prompt, "dim")]))
            lines.append(Content("  ").join([Content(" "), plain(sample.reply, "bold")]))
            lines.append(plain(f"   as written: {sample.written}", "dim"))
        lines.append(Content(""))
    return Content("\n").join(lines)
