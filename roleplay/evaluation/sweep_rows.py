"""What came of the runs of a sweep, as a table of a terminal."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roleplay.evaluation.grid import short
from roleplay.evaluation.table import Part, written
from roleplay.text import one_line

_HEADING, _QUIET, _BEST, _BAD = "1", "2", "1;32", "31"
_OWN = ("held-out", "best", "perplexity", "seconds")
"""Columns of every sweep; less is better in each."""
_NOTHING = "–"
_LONGEST = 200
"""Characters of a problem that are shown."""


@dataclass(frozen=True)
class SweepRow:
    """What came of one run."""

    settings: Mapping[str, Any]
    """Those that the point of the grid sets."""
    run: str
    """Name of the run."""
    heldout_loss: float | None
    """At the last step, nats per trained token; `None` where nothing is held out, or nothing came of the run."""
    best_heldout_loss: float | None
    """The lowest one; likewise."""
    seconds: float | None
    """Of training; where it was gone on with, since then. `None` where nothing came of the run."""
    measures: Mapping[str, float]
    """What was measured besides, by name."""
    problem: str = ""
    """Why nothing came of the run; else empty."""

    @property
    def perplexity(self) -> float | None:
        """Of the best step, per trained token."""
        loss = self.best_heldout_loss
        return None if loss is None else math.exp(min(loss, 700))


@dataclass(frozen=True)
class _Column:
    """A column, cell by cell."""

    title: str
    """Its heading."""
    cells: list[str]
    """A cell a row, all as wide."""
    best: list[bool]
    """Whether the cell is the best."""


def rows_table(rows: Sequence[SweepRow], *, lower: Collection[str] = ("retention_loss",)) -> list[list[Part]]:
    """A heading and a line a row: settings, losses, measures, then the run. The best of a column has a star.

    Of the measures called `lower` less is better, of the others more. Lines are (text, ANSI style) parts.
    """
    tried = dict.fromkeys(key for row in rows for key in row.settings)
    measured = dict.fromkeys(key for row in rows for key in row.measures)
    columns = [_column(short(key), [value_text(row.settings.get(key)) for row in rows]) for key in tried]
    columns += [_figures(rows, name, less=name in _OWN or name in lower) for name in (*_OWN, *measured)]
    heading: list[Part] = [(column.title + "  ", _HEADING) for column in columns]
    lines = [[*heading, ("run", _HEADING)]]
    for at, row in enumerate(rows):
        line = [(column.cells[at] + "  ", _BEST if column.best[at] else "") for column in columns]
        line.append((row.run, _QUIET))
        if row.problem:
            line.append(("  " + one_line(row.problem, _LONGEST), _BAD))
        lines.append(line)
    return lines


def value_text(value: object) -> str:
    """The value of a setting: `0.001`, `8`, `cosine`."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _column(title: str, texts: Sequence[str], best: Sequence[bool] | None = None) -> _Column:
    marked = [bool(best and best[at]) for at in range(len(texts))]
    width = max(len(title), *(len(text) for text in texts)) if texts else len(title)
    # A column that can have a best keeps a place for its star.
    stars = ["*" if mark else " " for mark in marked] if best else [""] * len(texts)
    cells = [text.rjust(width) + star for text, star in zip(texts, stars, strict=True)]
    return _Column(title.rjust(width) + (" " if best else ""), cells, marked)


def _figures(rows: Sequence[SweepRow], name: str, *, less: bool) -> _Column:
    """A column of figures; those that are best as written have a star, unless all are alike."""
    values = [_value(row, name) for row in rows]
    texts = [_NOTHING if value is None else _text(value, name) for value in values]
    known = [value for value in values if value is not None and math.isfinite(value)]
    top = _text((min if less else max)(known), name) if known else ""
    best = [text == top for text in texts]
    alike = len({text for text in texts if text != _NOTHING}) < 2
    return _column(name, texts, [False] * len(texts) if alike else best)


def _value(row: SweepRow, name: str) -> float | None:
    own = (row.heldout_loss, row.best_heldout_loss, row.perplexity, row.seconds)
    return dict(zip(_OWN, own, strict=True))[name] if name in _OWN else row.measures.get(name)


def _text(value: float, name: str) -> str:
    """Losses to a thousandth, for those of a sweep lie close together."""
    return f"{value:.3f}" if name in ("held-out", "best") else written(value, "number")
