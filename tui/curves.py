"""Losses by step, drawn with the characters of the terminal."""

from collections.abc import Sequence
from typing import NamedTuple

from textual_plotext import PlotextPlot

from roleplay.text import one_line
from roleplay.training.curves import Curve

_NAME = 40


class Line(NamedTuple):
    """One line of the picture."""

    name: str
    """What the legend calls it."""
    curve: Curve
    """Its points."""


class CurvePicture(PlotextPlot):
    """Any number of curves in one picture."""

    def show(self, lines: Sequence[Line], title: str = "") -> None:
        """Draw `lines` that have points, in the order given; the first colours are the clearest."""
        plot = self.plt
        plot.clear_figure()
        plot.title(one_line(title, 80))
        plot.xlabel("step")
        for line in lines:
            if line.curve:
                # A marker for few points, or a single one would not be seen.
                marker = "braille" if len(line.curve.steps) > 1 else "●"
                plot.plot(
                    list(line.curve.steps), list(line.curve.losses), label=one_line(line.name, _NAME), marker=marker
                )
        self.refresh()
