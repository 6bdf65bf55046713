"""The bar that long work draws on stderr, where that is a terminal."""

import sys
from typing import TYPE_CHECKING

from roleplay.cli.output import speaks

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


def begin_bar(*, transient: bool) -> "tuple[Progress, TaskID] | None":
    """A bar with its task, whose description stands behind it; `None` where lines are written instead.

    A `transient` one is gone when it stops.
    """
    if not (sys.stderr.isatty() and speaks()):
        return None
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    told = TextColumn("{task.description}", markup=False)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), told)
    bar = Progress(*columns, console=Console(stderr=True), transient=transient)
    task = bar.add_task("", total=None)
    bar.start()
    return bar, task
