"""Training progress on stderr: a bar in a terminal, a line now and then elsewhere."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from roleplay.cli.output import say, speaks

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from roleplay.training.watch import Progress

_LINES = 20
"""Lines in all where stderr is no terminal."""


class Bar:
    """Shows what the training reports."""

    def __init__(self) -> None:
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None
        self._told = -1

    def __enter__(self) -> Self:
        if sys.stderr.isatty() and speaks():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[losses]}", markup=False),
            )
            self._bar = Progress(*columns, console=Console(stderr=True))
            self._task = self._bar.add_task("", total=None, losses="")
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def report(self, progress: "Progress") -> None:
        """Draw where the run is."""
        losses = _losses(progress)
        if self._bar is not None and self._task is not None:
            told = f"epoch {progress.epoch:.1f}  {losses}{_speed(progress)}"
            self._bar.update(self._task, completed=progress.step, total=progress.steps, losses=told)
            return
        share = progress.step * _LINES // max(1, progress.steps)
        if share > self._told and losses:
            self._told = share
            left = "" if progress.remaining is None else f"  {progress.remaining:.0f} s left"
            say(f"step {progress.step}/{progress.steps}  epoch {progress.epoch:.1f}  {losses}{_speed(progress)}{left}")


def _losses(progress: "Progress") -> str:
    shown = (("loss", progress.loss), ("held-out", progress.heldout), ("best", progress.best))
    return "  ".join(f"{name} {value:.3f}" for name, value in shown if value is not None)


def _speed(progress: "Progress") -> str:
    if not progress.samples_per_second or not progress.tokens_per_second:
        return ""
    return f"  {progress.samples_per_second:.1f} samples/s  {progress.tokens_per_second:,.0f} tokens/s"
