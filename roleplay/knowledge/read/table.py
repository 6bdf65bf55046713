"""CSV and TSV: a block a row, under the names in the first line."""

import csv
from collections.abc import Iterator
from pathlib import Path

from roleplay.corpora.encoding import LONGEST, find_encoding, numbered_lines
from roleplay.knowledge.passage import Block
from roleplay.knowledge.read.blocks import Laid
from roleplay.knowledge.read.cells import MOST_COLUMNS, column_names, row_text
from roleplay.knowledge.read.refused import refused

_MOST_LINES = 2000
"""A row that goes on for longer has a quote that nobody closes."""


def read_csv(path: Path) -> Iterator[Block]:
    """Rows of a `.csv` or `.tsv` file. Raises FileFaults, for cells of more than 131,072 characters too."""
    laid, lines = Laid(), _Lines(path)
    rows = csv.reader(lines, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
    names: list[str] = []
    try:
        for row in rows:
            if len(row) > MOST_COLUMNS:
                raise csv.Error(f"a row has {len(row):,} cells; {MOST_COLUMNS:,} are read")
            if names:
                yield from laid.blocks("row", row_text(names, row), line=lines.begin)
            elif any(cell.strip() for cell in row):
                names = column_names(row)
            lines.begin = lines.number + 1
    except csv.Error as error:
        raise refused(
            path, f"is no table: {error}", "put text with commas or line ends in quotes", lines.begin
        ) from error


class _Lines:
    """Lines for the parser, which tells neither where a row begins nor how long it grew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.begin = 1
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        with find_encoding(self._path).open(self._path) as file:
            for line in numbered_lines(file):
                self.number = line.number
                if line.text is None:
                    raise csv.Error(f"a line has more than {LONGEST:,} characters")
                if line.number - self.begin > _MOST_LINES:
                    raise csv.Error(f"a row goes on for more than {_MOST_LINES:,} lines")
                yield line.text + "\n"
