"""Progress through named steps on stderr: a bar in a terminal, lines elsewhere."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from roleplay.cli.output import say, speaks

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_LINES = 10
"""Lines a step at most where stderr is no terminal."""


class Steps:
    """Shows what is being done, and how much of it is done."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._told = ""
        self._tenth = 0

    def __enter__(self) -> Self:
        if sys.stderr.isatty() and speaks():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.description}", markup=False),
            )
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("", total=None)
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Take the bar away, so that results can be printed."""
        if self._bar is not None:
            self._bar.stop()

    def tell(self, step: str, done: int, total: int) -> None:
        """Draw where it is."""
        if self._bar is not None and self._task is not None:
            if step != self._told:
                self._bar.reset(self._task)
            self._bar.update(self._task, description=step, completed=done, total=total)
        elif step != self._told:
            say(step)
            self._tenth = 0
        elif (tenth := done * _LINES // max(1, total)) > self._tenth and total > 1:
            say(f"{step} {done}/{total}")
            self._tenth = tenth
        self._told = step
