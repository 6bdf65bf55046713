"""A row of a table as one text."""

from collections.abc import Iterable, Sequence
from itertools import zip_longest

from roleplay.text import one_line

MOST_COLUMNS = 1000
"""A row of more cells was made to be large."""
LONGEST_NAME = 60
"""Most characters of a column's name that are shown: every row repeats it."""


def column_names(cells: Iterable[str]) -> list[str]:
    """Names as rows repeat them."""
    return [one_line(cell, LONGEST_NAME) for cell in cells]


def row_text(names: Sequence[str], cells: Sequence[str]) -> str:
    """`column: value; column: value`, without empty cells; a cell that has no column stands alone."""
    pairs = zip_longest(names, (cell.strip() for cell in cells), fillvalue="")
    return "; ".join(f"{name}: {cell}" if name else cell for name, cell in pairs if cell)
