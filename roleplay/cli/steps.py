"""Progress through named steps on stderr: a bar in a terminal, lines elsewhere."""

from types import TracebackType
from typing import TYPE_CHECKING, Self

from roleplay.cli.output import say
from roleplay.cli.terminal_bar import begin_bar

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_LINES = 10
"""Lines a step at most where stderr is no terminal."""


class Steps:
    """Shows what is being done, and how much of it is done."""

    def __init__(self) -> None:
        self._bar: tuple[Progress, TaskID] | None = None
        self._told = ""
        self._tenth = 0

    def __enter__(self) -> Self:
        self._bar = begin_bar(transient=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Take the bar away, so that results can be printed."""
        if self._bar is not None:
            self._bar[0].stop()

    def tell(self, step: str, done: int, total: int) -> None:
        """Draw where it is."""
        if self._bar is not None:
            bar, task = self._bar
            if step != self._told:
                bar.reset(task)
            bar.update(task, description=step, completed=done, total=total)
        elif step != self._told:
            say(step)
            self._tenth = 0
        elif (tenth := done * _LINES // max(1, total)) > self._tenth and total > 1:
            say(f"{step} {done}/{total}")
            self._tenth = tenth
        self._told = step
