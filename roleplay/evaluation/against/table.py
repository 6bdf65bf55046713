"""A comparison as lines of a terminal, and how its figures are written."""

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from roleplay.evaluation.against.comparison import HEADINGS, Comparison, Figure
from roleplay.evaluation.table import Part, spread, written
from roleplay.measures.interval import Interval
from roleplay.text import one_line

_HEADING, _QUIET, _BETTER, _WORSE = "1", "2", "32", "33"
_LEVELS = {"good": "32", "note": "36", "warning": "33"}
_NARROWEST, _LONGEST = 16, 200
_GAP = "  "


def signed(value: float, scale: str) -> str:
    """`+0.120`, `-4.00 %`, `0`."""
    text = written(value, scale)
    return f"+{text}" if value > 0 else text


def verdict(figure: Figure) -> str:
    """`better`, `worse` or `other`, beyond chance; else empty."""
    change = figure.difference
    if change is None or change.low <= 0 <= change.high:
        return ""
    if figure.better == "neither":
        return "other"
    return "better" if (change.low > 0) == (figure.better == "higher") else "worse"


def cells(figure: Figure) -> tuple[str, str, str, str]:
    """Before, after, difference and the interval of the difference, as they are written."""
    scale = figure.scale
    before = "–" if figure.before is None else written(figure.before.value, scale)
    return before, written(figure.after.value, scale), *_change(figure, scale)


def _change(figure: Figure, scale: str) -> tuple[str, str]:
    """Without a paired difference the last column has the intervals of both."""
    if figure.difference is not None:
        return signed(figure.difference.value, scale), spread(figure.difference, scale)
    ends = [spread(one, scale) for one in (figure.before, figure.after) if one is not None]
    return "", " → ".join(ends) if all(ends) else ""


def comparison_table(found: Comparison, width: int = 100) -> list[list[Part]]:
    """Figures as rows under their headings: before, after, their difference with its interval; then findings.

    Lines of parts, `width` cells at most but for narrow terminals. A difference beyond chance is coloured.
    """
    rows = [(figure, cells(figure)) for figure in found.figures]
    heads = ("before", "after", "difference", "")
    wide = [max([cell_len(head), *(cell_len(row[at]) for _, row in rows)]) for at, head in enumerate(heads)]
    longest = max((cell_len(one_line(figure.title, _LONGEST)) for figure, _ in rows), default=0)
    room = min(max(width - sum(wide) - len(wide) * len(_GAP), _NARROWEST), longest)
    head = "".join(_GAP + " " * (size - cell_len(text)) + text for text, size in zip(heads, wide, strict=True))
    lines: list[list[Part]] = [_head(found), [(" " * room + head, _QUIET)]]
    for section, heading in HEADINGS:
        inside = [(figure, row) for figure, row in rows if figure.section == section]
        lines += [[], [(heading, _HEADING)]] if inside else []
        for figure, row in inside:
            lines += _row(figure, row, room, wide)
    lines += [[]] if found.findings else []
    for finding in found.findings:
        lines += _told(finding.level, finding.text, width)
    return lines


def _head(found: Comparison) -> list[Part]:
    who = f"{one_line(found.display_name, 20)} ({one_line(found.character, 20)})"
    told = f"  {one_line(found.after, 40)} against {one_line(found.before, 40)} on {one_line(found.base, 20)}"
    return [(who, _HEADING), (told, _QUIET)]


def _row(figure: Figure, row: tuple[str, ...], room: int, wide: list[int]) -> list[list[Part]]:
    """The title in as many lines as it needs."""
    titles = _wrapped(figure.title, room) or [""]
    style = {"better": _BETTER, "worse": _WORSE}.get(verdict(figure), "")
    parts: list[Part] = [(set_cell_size(titles[0], room), "")]
    for at, (text, size) in enumerate(zip(row, wide, strict=True)):
        pad = _GAP + " " * (size - cell_len(text))
        parts += [(pad, ""), (text, style if at == 2 else _QUIET if at == 3 else "")]
    return [parts, *([(title, "")] for title in titles[1:])]


def _told(level: str, text: str, width: int) -> list[list[Part]]:
    lines = _wrapped(text, width - 9)
    return [[(" " * 9 if at else f"{level:<9}", _LEVELS[level]), (line, "")] for at, line in enumerate(lines)]


def _wrapped(text: str, width: int) -> list[str]:
    flat = Text(one_line(text, limit=2000))
    return [line.plain.rstrip() for line in flat.wrap(Console(width=width), width)]


def around(interval: Interval | None, scale: str) -> str:
    """`0.310 (0.290 to 0.330)`; a dash for none."""
    if interval is None:
        return "–"
    ends = spread(interval, scale)
    return written(interval.value, scale) + (f" ({ends})" if ends else "")
