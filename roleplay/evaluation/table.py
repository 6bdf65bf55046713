"""A report as lines of a terminal, and how its figures are written."""

import math
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from roleplay.evaluation.report import SECTIONS, Finding, Measure, Report
from roleplay.measures.interval import Interval
from roleplay.text import one_line

Part = tuple[str, str]
"""Text with its ANSI style; an empty style is plain."""

_HEADING, _QUIET, _BEST = "1", "2", "1;32"
_LEVELS = {"good": "32", "note": "36", "warning": "33"}
_ROOMY, _NARROWEST = 28, 12
"""Cells that titles should have, and have at least."""
_GAP = "  "
_LONGEST = 200
"""Characters of a title or a reference that are shown."""


def written(value: float, scale: str) -> str:
    """`84.0 %` for a share, else three significant digits: `0.0412`, `1.90`, `1234`; a dash for what is no number."""
    if not math.isfinite(value):
        return "–"
    if scale == "percent":
        return f"{100 * value:.1f} %"
    return f"{value:.0f}" if abs(value) >= 999.5 else f"{value:#.3g}".removesuffix(".")


def spread(interval: Interval, scale: str) -> str:
    """`1.82 to 2.05`; empty where both ends are written alike."""
    low, high = written(interval.low, scale), written(interval.high, scale)
    return "" if low == high else f"{low.removesuffix(' %')} to {high}"


def references(measure: Measure) -> list[str]:
    """What its figures are held against: `floor 0.120`, `ceiling 0.880`."""
    held = (measure.references or {}).items()
    return [one_line(f"{name} {written(value, measure.scale)}", _LONGEST) for name, value in held]


def best_lanes(measure: Measure) -> set[str]:
    """Lanes with the best figure as written; none where no way is good or all are alike."""
    values = {lane: interval.value for lane, interval in measure.lanes.items() if math.isfinite(interval.value)}
    if measure.better == "neither" or not values:
        return set()
    top = written((min if measure.better == "lower" else max)(values.values()), measure.scale)
    best = {lane for lane, value in values.items() if written(value, measure.scale) == top}
    return set() if len(best) == len(values) else best


def table(report: Report, width: int = 100) -> list[list[Part]]:
    """Measures as rows under their sections, lanes as columns, then findings: lines of parts, `width` cells at most.

    The best lane of a measure has a star. Where titles would get too little room, intervals are left out; where that is
    not enough, references stand below their measure. Where lanes alone are wider than `width`, lines are longer.
    """
    measures = report.measures
    held = max((cell_len(_GAP + text) for measure in measures for text in references(measure)), default=0)
    for intervals, beside in ((True, True), (False, True), (False, False)):
        columns = [_column(lane, measures, intervals) for lane in report.lanes]
        room = width - sum(_wide(column[0]) for column in columns) - (held if beside else 0)
        if room >= _ROOMY:
            break
    longest = max((cell_len(one_line(measure.title, _LONGEST)) for measure in measures), default=0)
    room = min(max(room, _NARROWEST), longest)
    rows = [[part for cell in cells for part in cell] for cells in zip(*columns, strict=True)]
    lines = [_head(report), [(" " * room, ""), *(rows[0] if rows else [])]]
    for section, heading in SECTIONS.items():
        inside = [(one, row) for one, row in zip(measures, rows[1:], strict=False) if one.section == section]
        lines += [[], [(heading, _HEADING)]] if inside else []
        lines += [line for measure, row in inside for line in _row(measure, row, room, beside)]
    if any(map(best_lanes, measures)):
        lines += [[], [("* the best lane", _QUIET)]]
    return lines + ([[]] if report.findings else []) + [line for one in report.findings for line in _told(one, width)]


def _head(report: Report) -> list[Part]:
    who = f"{one_line(report.display_name, 20)} ({one_line(report.character, 20)})"
    return [(who, _HEADING), (f"  {one_line(report.adapter, 30)} on {one_line(report.base, 20)}", _QUIET)]


def _column(lane: str, measures: Sequence[Measure], intervals: bool) -> list[list[Part]]:
    """The lane's name and its figures, cells of equal width; figures end below each other, and so do stars."""
    name = one_line(lane)
    figures = [_figure(measure, lane) for measure in measures]
    around = [_around(measure, lane) if intervals else "" for measure in measures]
    after = max(map(cell_len, around), default=0)
    before = max([cell_len(name) + 1 - after, *(cell_len(figure) for figure, _ in figures)])
    cells: list[list[Part]] = [[(_GAP + " " * (before + after - cell_len(name) - 1) + name + " ", _QUIET)]]
    for (figure, style), interval in zip(figures, around, strict=True):
        pad = " " * (before - cell_len(figure))
        cells.append([(_GAP + pad, ""), (figure, style), (set_cell_size(interval, after), _QUIET)])
    return cells


def _figure(measure: Measure, lane: str) -> Part:
    """With a star or the room of one."""
    if lane not in measure.lanes:
        return "– ", _QUIET
    figure = written(measure.lanes[lane].value, measure.scale)
    return (figure + "*", _BEST) if lane in best_lanes(measure) else (figure + " ", "")


def _around(measure: Measure, lane: str) -> str:
    return " " + spread(measure.lanes[lane], measure.scale) if lane in measure.lanes else ""


def _row(measure: Measure, figures: list[Part], room: int, beside: bool) -> list[list[Part]]:
    """The title in as many lines as it needs, and references a line each in the last column, or all below."""
    titles, held = _wrapped(measure.title, room) or [""], references(measure)
    height = max(len(titles), len(held) if beside else 0)
    lines: list[list[Part]] = []
    for at in range(height):
        title: Part = (set_cell_size(titles[at] if at < len(titles) else "", room), "")
        middle = [(" " * _wide(figures), "")] if at else figures
        lines.append([title, *middle, (_GAP + held[at] if beside and at < len(held) else "", _QUIET)])
    return lines if beside or not held else [*lines, [(_GAP + ", ".join(held), _QUIET)]]


def _told(finding: Finding, width: int) -> list[list[Part]]:
    """`warning  …`, its further lines indented."""
    level = f"{finding.level:<9}"
    lines = _wrapped(finding.text, width - len(level))
    return [[(" " * len(level) if at else level, _LEVELS[finding.level]), (line, "")] for at, line in enumerate(lines)]


def _wide(parts: Sequence[Part]) -> int:
    return sum(cell_len(text) for text, _ in parts)


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells, broken between words, and within those that are longer."""
    from rich.console import Console
    from rich.text import Text

    flat = Text(one_line(text, limit=2000))
    return [line.plain.rstrip() for line in flat.wrap(Console(width=width), width)]
