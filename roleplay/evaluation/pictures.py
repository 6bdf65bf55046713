"""Pictures of an evaluation: lanes side by side, style between floor and ceiling, curves over checkpoints."""

import io
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roleplay.evaluation.report import Measure, Report, Section
from roleplay.evaluation.table import references, written
from roleplay.measures.interval import Interval
from roleplay.paths import write_file
from roleplay.text import one_line

_INK, _QUIET, _FAINT, _BAND = "#333a44", "#6b7684", "#d9dfe6", "#eef2f6"
_WITHOUT, _WITH, _MARK = "#b4c3d4", "#2f6f9f", "#c2543c"
_PANELS: tuple[Section, ...] = ("likelihood", "overlap", "probes", "retention")
_ROWS = 2
"""Measures of a section that are drawn."""
_CURVES = {
    "heldout_bits": ("held-out lines, bits per character", "number"),
    "style": ("style, probability of the character", "number"),
    "copied": ("copied from training lines", "percent"),
    "retention_loss": ("loss of the base's own answers", "number"),
}
# Families with Chinese letters on Linux, macOS and Windows, the wanted ones first.
_CHINESE = """Noto Sans CJK SC, Noto Sans SC, Source Han Sans SC, Source Han Sans CN, PingFang SC, Hiragino Sans GB,
Heiti SC, Heiti TC, STHeiti, Arial Unicode MS, Microsoft YaHei, SimHei, SimSun, WenQuanYi Micro Hei, WenQuanYi Zen Hei,
Droid Sans Fallback, Noto Sans CJK JP, Noto Serif CJK SC"""


@dataclass(frozen=True)
class CheckpointPoint:
    """What was measured at one checkpoint."""

    label: str
    """`epoch-3`, `last`."""
    step: int
    """Optimizer steps taken."""
    values: dict[str, Interval]
    """`heldout_bits`, `style`, `copied` (a share), `retention_loss`; what was not measured is left out."""


def draw_lanes(report: Report, path: Path) -> None:
    """Write a PNG of bars by lane: the first two measures of four sections, with what they are held against.

    Base lanes stand left and persona lanes right; the prefix makes a bar dark. Nothing is drawn where nothing was
    measured. Raises StorageError.
    """
    columns = [[one for one in report.measures if one.section == section and one.lanes][:_ROWS] for section in _PANELS]
    columns = [column for column in columns if column]
    if not columns:
        return
    rows = max(map(len, columns))
    pen = Pen(9.6, 1.2 + 2.4 * rows)
    grid = pen.figure.subplots(rows, len(columns), squeeze=False)
    for at, column in enumerate(columns):
        for row in range(rows):
            if row < len(column):
                pen.bars(grid[row][at], column[row], report.lanes)
            else:
                grid[row][at].set_axis_off()
    pen.legend({"without prefix": _WITHOUT, "with prefix": _WITH})
    pen.write(path, _effects(columns[0][0], pen.name(report)), _steps(columns[0][0]))


def draw_style(report: Report, path: Path) -> None:
    """Write a PNG of where each lane's style lies between other speakers' lines and the character's own.

    Nothing is drawn where style was not measured. Raises StorageError.
    """
    measure = report.measure("style")
    lanes = [lane for lane in report.lanes if measure and lane in measure.lanes]
    if measure is None or not lanes:
        return
    held = measure.references or {}
    pen = Pen(8, 1.7 + 0.5 * len(lanes))
    axes = pen.bare(pen.figure.add_subplot(), "")
    if "floor" in held and "ceiling" in held:
        axes.axvspan(held["floor"], held["ceiling"], color=_BAND, zorder=0)
    for value, text in zip(held.values(), references(measure), strict=True):
        axes.axvline(value, color=_QUIET, linestyle="--", linewidth=1, zorder=1)
        pen.beside(axes, text, (value, 1), (0, 4), xycoords=("data", "axes fraction"), ha="center", color=_QUIET)
    for at, lane in enumerate(lanes):
        value, colour = measure.lanes[lane].value, _WITH if lane.startswith("persona") else _QUIET
        axes.errorbar(value, at, xerr=_reach([measure.lanes[lane]]), fmt="o", color=colour, markersize=8, capsize=3)
        pen.beside(axes, written(value, measure.scale), (value, at), (0, 8), ha="center")
    axes.set(xlim=(0, 1), ylim=(len(lanes) - 0.5, -0.8))
    axes.set_yticks(range(len(lanes)), [pen.text(lane, 24) for lane in lanes], fontsize=10, color=_INK)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    pen.write(
        path, _placed(measure, lanes, pen.name(report)), pen.text(f"{measure.title}; whiskers are 95 % intervals")
    )


def draw_checkpoints(
    rows: Sequence[CheckpointPoint],
    path: Path,
    title: str,
    *,
    chosen: str | None = None,
    limits: Mapping[str, float] | None = None,
) -> None:
    """Write a PNG of four curves over optimizer steps: intervals as bands, `limits` dashed.

    `chosen` is the label of the checkpoint to mark; `limits` have the keys of `CheckpointPoint.values`. Where style
    peaks and where copying first passes its limit is said. Nothing is drawn where nothing was measured. Raises
    StorageError.
    """
    keys = [key for key in _CURVES if any(key in row.values for row in rows)]
    if not keys:
        return
    high, wide = (len(keys) + 1) // 2, min(len(keys), 2)
    pen = Pen(8, 1.1 + 2.2 * high)
    grid = pen.figure.subplots(high, wide, sharex=True, squeeze=False).flatten()
    marked = next((row for row in rows if row.label == chosen), None)
    for axes, key in zip(grid, keys, strict=False):
        points = sorted((row for row in rows if key in row.values), key=lambda row: row.step)
        pen.curve(axes, key, points, (limits or {}).get(key))
        if marked is not None:
            axes.axvline(marked.step, color=_MARK, linewidth=1.2, zorder=1)
    for axes in grid[len(keys) :]:
        axes.set_axis_off()
    said = "optimizer steps; bands are 95 % intervals"
    pen.write(path, title, said if marked is None else f"{said}; the red line marks {marked.label}, the chosen one")


class Pen:
    """A figure, and what is drawn the same way everywhere."""

    def __init__(self, width: float, height: float) -> None:
        from matplotlib import font_manager
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08)  # inches
        self.figure = Figure(figsize=(width, height), dpi=100, layout=layout)
        installed = {font.name for font in font_manager.fontManager.ttflist}
        chinese = [name for name in _CHINESE.replace("\n", " ").split(", ") if name in installed]
        self._families = ["DejaVu Sans", *chinese[:1]]  # the first one comes with matplotlib
        self._fonts = [font_manager.get_font(font_manager.findfont(family)) for family in self._families]

    def text(self, text: str, limit: int = 100) -> str:
        """One line of it; a question mark for every letter that no font has."""
        return "".join(char if self._has(char) else "?" for char in one_line(text, limit))

    def name(self, report: Report) -> str:
        """The display name if fonts have its letters, else the card's name, which is ASCII."""
        shown = one_line(report.display_name, 24)
        return shown if all(map(self._has, shown)) else report.character

    def _has(self, char: str) -> bool:
        return any(font.get_char_index(ord(char)) for font in self._fonts)

    def bare(self, axes: Any, title: str, wrap: int = 50) -> Any:
        """Axes with two quiet spines, and at the left a title in lines of `wrap` characters."""
        axes.set_title(textwrap.fill(self.text(title), wrap), loc="left", color=_INK, fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["bottom", "left"]].set_color(_FAINT)
        axes.tick_params(colors=_QUIET, labelsize=8.5, length=3)
        return axes

    def beside(self, axes: Any, text: str, at: tuple[float, float], off: tuple[int, int], **how: Any) -> None:
        """A small text `off` points from a place."""
        under = {"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.3}
        how = {"fontsize": 8.5, "color": _INK, "bbox": under} | how
        axes.annotate(self.text(text, 40), at, off, textcoords="offset points", **how)

    def bars(self, axes: Any, measure: Measure, lanes: Sequence[str]) -> None:
        """Groups by adapter, the base first; in a group, without and with the prefix."""
        groups: dict[str, list[str]] = {}
        for lane in sorted(
            (lane for lane in lanes if lane in measure.lanes), key=lambda lane: lane.endswith("+prefix")
        ):
            groups.setdefault(lane.removesuffix("+prefix"), []).append(lane)
        names = sorted(groups, key=lambda name: name != "base")
        self.bare(axes, measure.title, 27)
        for at, name in enumerate(names):
            for number, lane in enumerate(groups[name]):
                x, interval = at + 0.4 * (number - (len(groups[name]) - 1) / 2), measure.lanes[lane]
                axes.bar(x, interval.value, 0.36, color=_WITH if lane.endswith("+prefix") else _WITHOUT)
                axes.errorbar(x, interval.value, yerr=_reach([interval]), color=_INK, linewidth=1, capsize=2)
                top = max(interval.high, interval.value, 0)
                self.beside(axes, written(interval.value, measure.scale), (x, top), (0, 2), ha="center", fontsize=7.5)
        for value, text in zip((measure.references or {}).values(), references(measure), strict=True):
            axes.axhline(value, color=_QUIET, linestyle="--", linewidth=1)
            self.beside(axes, text, (0, value), (2, 2), xycoords=("axes fraction", "data"), color=_QUIET, fontsize=7.5)
        axes.margins(y=0.15)
        axes.set_xlim(-0.6, len(names) - 0.4)
        axes.set_xticks(range(len(names)), [self.text(name, 16) for name in names], fontsize=9, color=_INK)
        axes.tick_params(axis="x", length=0)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        if measure.better != "neither":
            axes.set_xlabel(f"{measure.better} is better", color=_QUIET, fontsize=8)

    def curve(self, axes: Any, key: str, points: Sequence[CheckpointPoint], limit: float | None) -> None:
        """One measure by step."""
        title, scale = _CURVES[key]
        steps, intervals = [point.step for point in points], [point.values[key] for point in points]
        values = [interval.value for interval in intervals]
        self.bare(axes, title)
        axes.fill_between(
            steps, [one.low for one in intervals], [one.high for one in intervals], color=_WITH, alpha=0.15
        )
        axes.plot(steps, values, color=_WITH, linewidth=1.8, marker="o", markersize=3.5)
        axes.tick_params(labelbottom=True)
        axes.grid(axis="y", color=_FAINT, linewidth=0.6)
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %" if scale == "percent" else f"{value:g}")
        if limit is not None:
            axes.axhline(limit, color=_MARK, linestyle="--", linewidth=1)
            self.beside(axes, f"limit {written(limit, scale)}", (0, limit), (2, 3), xycoords=("axes fraction", "data"))
        if key == "style":
            self.spot(axes, key, points, values.index(max(values)), "peaks")
        over = [at for at, value in enumerate(values) if limit is not None and value > limit]
        if key == "copied" and over:
            self.spot(axes, key, points, over[0], "over the limit")

    def spot(self, axes: Any, key: str, points: Sequence[CheckpointPoint], at: int, what: str) -> None:
        """A dot at one checkpoint, with what happens there said on its emptier side."""
        step, value = points[at].step, points[at].values[key].value
        axes.plot(step, value, "o", color=_MARK, markersize=6, zorder=3)
        late = 2 * step > points[0].step + points[-1].step
        off, side = (-7, "right") if late else (7, "left")
        self.beside(axes, f"{what} at {points[at].label}", (step, value), (off, 8), ha=side)

    def legend(self, colours: Mapping[str, str]) -> None:
        """What the colours stand for, above everything."""
        from matplotlib.patches import Patch

        handles = [Patch(color=colour, label=label) for label, colour in colours.items()]
        self.figure.legend(
            handles=handles, loc="outside upper right", ncols=2, frameon=False, fontsize=9, labelcolor=_INK
        )

    def write(self, path: Path, title: str, caption: str) -> None:
        """The PNG, with what it shows above it; text is never read as mathematics."""
        from matplotlib.text import Text

        self.figure.suptitle(self.text(title), x=0.012, ha="left", color=_INK, fontsize=13)
        self.figure.supxlabel(self.text(caption, 140), x=0.012, ha="left", color=_QUIET, fontsize=9)
        for text in self.figure.findobj(Text):
            text.set_fontfamily(self._families)
            text.set_parse_math(False)
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", metadata={"Software": None})
        write_file(path, buffer.getvalue())


def _reach(intervals: Sequence[Interval]) -> list[list[float]]:
    """Down and up from each value, as whiskers want it, (2, number of intervals)."""
    return [[max(0, one.value - one.low) for one in intervals], [max(0, one.high - one.value) for one in intervals]]


def _change(measure: Measure, before: str, after: str) -> str:
    """`helps`, `hurts`, or what intervals that touch allow to say."""
    old, new = measure.lanes[before], measure.lanes[after]
    if measure.better == "neither" or not old.apart_from(new):
        return "makes no clear difference"
    return "helps" if (new.value < old.value) == (measure.better == "lower") else "hurts"


_WAY = ("base", "base+prefix", "persona+prefix")


def _effects(measure: Measure, name: str) -> str:
    """What prefix and adapter do to the first measure."""
    if not set(_WAY) <= measure.lanes.keys():
        return f"{name}: {measure.title}"
    prefix, adapter = _change(measure, *_WAY[:2]), _change(measure, *_WAY[1:])
    if prefix == adapter:
        return f"{name}: prefix and adapter " + {"helps": "both help", "hurts": "both hurt"}.get(
            prefix, "change nothing clear"
        )
    return f"{name}: the prefix {prefix}, the adapter {adapter}"


def _steps(measure: Measure) -> str:
    if not set(_WAY) <= measure.lanes.keys():
        return "whiskers are 95 % intervals"
    base, prefix, both = (written(measure.lanes[lane].value, measure.scale) for lane in _WAY)
    way = f"base {base}, with the prefix {prefix}, with the adapter too {both}"
    return f"{measure.title}: {way}; whiskers are 95 % intervals"


def _placed(measure: Measure, lanes: Sequence[str], name: str) -> str:
    """How far from floor to ceiling the fullest lane comes."""
    lane = "persona+prefix" if "persona+prefix" in lanes else lanes[0]
    held = measure.references or {}
    floor, ceiling = held.get("floor"), held.get("ceiling")
    if floor is None or ceiling is None or ceiling <= floor:
        return f"{name}: style of {lane} {written(measure.lanes[lane].value, measure.scale)}"
    way = (measure.lanes[lane].value - floor) / (ceiling - floor)
    return f"{name}: {lane} comes {100 * way:.0f} % of the way from floor to ceiling"
