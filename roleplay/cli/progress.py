"""Progress of trainings, and of what is measured between them, on stderr: a bar in a terminal, lines elsewhere."""

from types import TracebackType
from typing import TYPE_CHECKING, Self

from roleplay.cli.output import say
from roleplay.cli.terminal_bar import begin_bar

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from roleplay.training.watch import Progress

_LINES = 20
"""Lines in all where stderr is no terminal."""


class Bar:
    """Shows what the training reports."""

    def __init__(self) -> None:
        self._bar: tuple[RichProgress, TaskID] | None = None
        self._told = -1
        self._step = ""
        self._label = ""

    def __enter__(self) -> Self:
        self._bar = begin_bar(transient=False)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar[0].stop()

    def say(self, text: str) -> None:
        """Talk of a sweep; what begins a run, `run 2 of 8: sweep-rank16-<hash>`, stands before its bar too."""
        if text.startswith("run "):
            label = text.rpartition("-")[0]
            self._label, self._told, self._step = f"{label}  ", -1, ""
            if self._bar is not None:
                bar, task = self._bar
                bar.reset(task, total=None, description=label)
        say(text)

    def report(self, progress: "Progress") -> None:
        """Draw where the run is."""
        losses = _losses(progress)
        if self._bar is not None:
            bar, task = self._bar
            told = f"{self._label}epoch {progress.epoch:.1f}  {losses}{_speed(progress)}"
            bar.update(task, completed=progress.step, total=progress.steps, description=told)
            return
        share = progress.step * _LINES // max(1, progress.steps)
        if share > self._told and losses:
            self._told = share
            left = "" if progress.remaining is None else f"  {progress.remaining:.0f} s left"
            say(f"step {progress.step}/{progress.steps}  epoch {progress.epoch:.1f}  {losses}{_speed(progress)}{left}")

    def tell(self, step: str, done: int, total: int) -> None:
        """Draw what else is done with the run, and how much of it."""
        if self._bar is not None:
            bar, task = self._bar
            if step != self._step:
                bar.reset(task)
            bar.update(task, completed=done, total=total, description=self._label + step)
        elif step != self._step:
            say(step)
        self._step = step


def _losses(progress: "Progress") -> str:
    """Losses, or where replies are rewarded what they are worth; and held-out pairs."""
    figures = progress.figures
    shown = [("loss", progress.loss), ("held-out", progress.heldout), ("best", progress.best)]
    if "reward" in figures:
        shown = [("held-out reward", figures["reward"]), ("kl", figures.get("kl"))]
    shown.append(("pairs right", figures.get("pair_accuracy")))
    return "  ".join(f"{name} {value:.3f}" for name, value in shown if value is not None)


def _speed(progress: "Progress") -> str:
    if not progress.samples_per_second or not progress.tokens_per_second:
        return ""
    return f"  {progress.samples_per_second:.1f} samples/s  {progress.tokens_per_second:,.0f} tokens/s"
