"""The main figures of a report as bars, lane beside lane, drawn with the characters of the terminal."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len, set_cell_size
from textual.app import ComposeResult
from textual.color import Color
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static
from textual_plotext import PlotextPlot

from roleplay.text import one_line
from tui.plain import plain

if TYPE_CHECKING:
    from roleplay.evaluation.report import Measure, Report

_BITS = {"heldout_bits": ("held-out", 1), "trained_bits": ("trained", 1)}
_SHARES = {
    "style": ("style", 100),
    "rouge_l": ("ROUGE-L", 1),
    "stopped": ("ends", 100),
    "identity": ("identity", 100),
    "out_of_world": ("its world", 100),
    "general": ("general", 100),
}
"""By name of a measure: what stands below its bars, and what makes its figures a part of 100."""
_NAME = 24
_COLOURS = 4
"""Lanes that are drawn: as many as there are ways to answer."""
_HIGHEST = 1e6
"""Beyond it is no likelihood; plotext draws every row of a bar, also those that are not seen."""
_GROUP = 0.75
"""Part of the way from one group of bars to the next that bars take."""


class LaneBars(Vertical):
    """Style above; below bits per character at the left, at the right what is counted out of 100."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"lane-bars--{place}" for place in range(_COLOURS)}

    def compose(self) -> ComposeResult:
        """As it is shown."""
        yield Static(id="style")
        yield Static(id="legend")
        with Horizontal(id="bars"):
            yield PlotextPlot(id="bits")
            yield PlotextPlot(id="shares")

    def show(self, report: "Report", width: int) -> None:
        """Draw the measures that the report has, `width` cells wide; a lane without a figure has no bar."""
        colours = [self.get_component_styles(f"lane-bars--{place}").color for place in range(_COLOURS)]
        lanes = list(zip(report.lanes, colours, strict=False))
        style = style_bars(report, width, lanes)
        self.query_one("#style", Static).update(style)
        self.query_one("#style").set_class(not style.plain, "-none")
        names = [plain(f"█ {one_line(lane, _NAME)}", colour.hex) for lane, colour in lanes]
        self.query_one("#legend", Static).update(Content("  ").join(names))
        drawn = [
            self._draw("#bits", report, lanes, _BITS, "bits per character, fewer are better", None),
            self._draw("#shares", report, lanes, _SHARES, "out of 100, more is better", 100),
        ]
        for part in ("#legend", "#bars"):
            self.query_one(part).set_class(not any(drawn), "-none")

    def _draw(
        self,
        where: str,
        report: "Report",
        lanes: list[tuple[str, Color]],
        wanted: Mapping[str, tuple[str, int]],
        title: str,
        top: float | None,
    ) -> bool:
        """Draw one of the two; whether there is anything to draw."""
        picture = self.query_one(where, PlotextPlot)
        found = [(label, times, one) for name, (label, times) in wanted.items() if (one := report.measure(name))]
        picture.set_class(not found, "-none")
        if not found:
            return False
        plot = picture.plt
        plot.clear_figure()
        plot.title(title)
        step = _GROUP / max(1, len(lanes))
        for place, (lane, colour) in enumerate(lanes):
            middles = [at + step * (place - (len(lanes) - 1) / 2) for at in range(len(found))]
            plot.bar(middles, _heights(found, lane, top or _HIGHEST), width=step, color=colour.rgb, reset_ticks=False)
        plot.xticks(list(range(len(found))), [label for label, _, _ in found])
        plot.ylim(0, top)
        picture.refresh()
        return True


def _heights(found: "Sequence[tuple[str, int, Measure]]", lane: str, top: float) -> list[float]:
    """What plotext can draw: from 0 to `top`; what is no number has no bar."""
    values = [times * measure.lanes[lane].value if lane in measure.lanes else 0.0 for _, times, measure in found]
    return [min(max(0.0, value), top) if math.isfinite(value) else 0.0 for value in values]


def style_bars(report: "Report", width: int, lanes: "Sequence[tuple[str, Color]]") -> Content:
    """How far each lane's style is from other speakers' lines to the character's own, in lines of `width` cells.

    Empty where style was not measured, or there is no way from one to the other.
    """
    from roleplay.measures.style import Style

    measure = report.measure("style")
    held = (measure.references or {}) if measure is not None else {}
    style = Style(
        held.get("floor", math.nan), held.get("ceiling", math.nan), auc=math.nan
    )  # a measure has the two alone
    if measure is None or not style.ceiling > style.floor:
        return Content("")
    named = max((cell_len(one_line(lane, _NAME)) for lane, _ in lanes), default=0)
    room = max(10, width - named - 16)
    head = (
        f"{one_line(measure.title)}: from others' lines, {style.floor:.3f}, to the character's own, {style.ceiling:.3f}"
    )
    lines = [plain(head, "bold")]
    for lane, colour in lanes:
        if lane not in measure.lanes:
            continue
        value = measure.lanes[lane].value
        part = style.place(value) if math.isfinite(value) else 0.0
        full = round(room * min(1.0, max(0.0, part)))
        lines.append(
            Content.assemble(
                plain(set_cell_size(one_line(lane, _NAME), named + 1)),
                plain("━" * full, colour.hex),
                plain("─" * (room - full), "dim"),
                plain(f" {value:.3f} {part:>6.0%}"),
            )
        )
    return Content("\n").join(lines)
