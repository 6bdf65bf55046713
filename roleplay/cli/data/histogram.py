"""A histogram for a terminal, or as lines of text."""

import shutil
import sys
from collections.abc import Sequence

from roleplay.cli.output import emit
from roleplay.measures.lengths import Bin

_WIDEST = 100
_HEIGHT = 12


def emit_histogram(bins: Sequence[Bin], *, plot: bool) -> None:
    """Draw the bars as wide as the terminal; a line each where standard output is none, or without `plot`."""
    if plot and sys.stdout.isatty():
        emit(draw(bins, min(_WIDEST, shutil.get_terminal_size().columns)))
        return
    for bar in bins:
        emit(f"{bar.low:>6}-{bar.high:<6} tokens {bar.dialogues:>6} dialogues")


def draw(bins: Sequence[Bin], width: int) -> str:
    """The bars without colours, `width` characters wide, each labelled with its fewest tokens."""
    import plotext

    plotext.clear_figure()
    plotext.bar([str(bar.low) for bar in bins], [bar.dialogues for bar in bins])
    plotext.plotsize(width, _HEIGHT)
    return str(plotext.uncolorize(plotext.build())).rstrip("\n")
