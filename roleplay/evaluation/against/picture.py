"""A picture of a comparison: every difference with its interval, to the left or the right of nothing."""

from pathlib import Path

from roleplay.evaluation.against.comparison import Comparison, Figure
from roleplay.evaluation.against.table import signed, verdict
from roleplay.evaluation.pictures import Pen

_COLOURS = {"better": "#2e7d55", "worse": "#c2543c", "other": "#2f6f9f", "": "#9aa5b1"}
_FAINT, _INK = "#d9dfe6", "#333a44"


def draw_differences(found: Comparison, path: Path) -> None:
    """Write a PNG with a row a figure, each on a scale of its own that its interval fills.

    What got better is green, what got worse red, what may be chance grey. Nothing is drawn where no figure has a
    difference. Raises StorageError.
    """
    rows = [figure for figure in found.figures if figure.difference is not None]
    if not rows:
        return
    pen = Pen(8.6, 1.5 + 0.34 * len(rows))
    axes = pen.bare(pen.figure.add_subplot(), "")
    axes.axvline(0, color=_INK, linewidth=1)
    for at, figure in enumerate(rows):
        _draw(pen, axes, at, figure)
    axes.set(xlim=(-1.15, 1.6), ylim=(len(rows) - 0.5, -0.5))
    axes.set_yticks(range(len(rows)), [pen.text(figure.title, 44) for figure in rows], fontsize=9, color=_INK)
    axes.tick_params(axis="y", length=0)
    axes.set_xticks([])
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_color(_FAINT)
    better, worse = (sum(verdict(figure) == which for figure in rows) for which in ("better", "worse"))
    title = f"{found.character}: {better} of {len(rows)} figures got better, {worse} worse"
    said = f"{found.after} against {found.before}; differences with 95 % intervals, each row on its own scale"
    pen.write(path, title, said)


def _draw(pen: Pen, axes: object, at: int, figure: Figure) -> None:
    change, colour = figure.difference, _COLOURS[verdict(figure)]
    if change is None:
        return
    reach = max(abs(change.low), abs(change.high)) or 1.0
    low, value, high = (end / reach for end in (change.low, change.value, change.high))
    whiskers = [[max(0.0, value - low)], [max(0.0, high - value)]]
    axes.errorbar(value, at, xerr=whiskers, fmt="o", color=colour, markersize=6, capsize=3)  # type: ignore[attr-defined]
    pen.beside(axes, signed(change.value, figure.scale), (1.2, at), (0, -3), color=colour)
