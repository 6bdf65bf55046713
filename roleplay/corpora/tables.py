"""Rows of CSV, Parquet and Arrow files, streamed by `datasets`."""

import csv
import gc
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from roleplay.corpora.encoding import LONGEST, Encoding, numbered_lines
from roleplay.errors import Fault, FileFaults
from roleplay.paths import shown
from roleplay.text import one_line

_MOST_COLUMNS = 1000


def table_rows(path: Path, encoding: Encoding | None) -> Iterator[dict[str, Any]]:
    """Every row, name of column -> value; all cells of a CSV file are text. Raises FileFaults."""
    import datasets

    datasets.logging.set_verbosity(datasets.logging.CRITICAL)  # it would tell of damage once more than we do
    kind = path.suffix.lower().removeprefix(".").replace("tsv", "csv")
    options: dict[str, Any] = {}
    if encoding is not None:
        separator = "\t" if path.suffix.lower() == ".tsv" else ","
        columns = _columns(path, encoding, separator)
        # Without this the cell `007` would become a number, and `NA` nothing.
        features = datasets.Features({name: datasets.Value("string") for name in columns})
        options = {"features": features, "encoding": encoding.codec, "keep_default_na": False, "sep": separator}
        options["index_col"] = False  # names of rows are a habit of pandas, not of data sets
    try:
        yield from datasets.load_dataset(kind, data_files=str(path), split="train", streaming=True, **options)
    except Exception as error:  # of pandas, pyarrow and datasets: a damaged file meets each of them
        cause = error.__cause__ or error
        reason = one_line(str(cause).strip() or type(cause).__name__, 120)
        _close(error)
        remedy = "repair the file or get it again"
        raise FileFaults(
            [Fault(shown(path), None, "", f"cannot be read as {kind.upper()}: {reason}", remedy)]
        ) from error


def _close(error: BaseException | None) -> None:
    """Close the file that `datasets` leaves open when it fails: only the frames of its errors still know it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        while error is not None:
            traceback.clear_frames(error.__traceback__)
            error = error.__cause__ or error.__context__
        gc.collect()


def _columns(path: Path, encoding: Encoding, separator: str) -> list[str]:
    """Names in the first line; the row after it must not have more cells, or pandas would lose some."""
    with encoding.open(path) as file:
        records = csv.reader(_filled(file), delimiter=separator)
        try:
            names = next(records, [])
            cells = next(records, [])
        except csv.Error as error:
            raise FileFaults(
                [Fault(shown(path), None, "", f"is not CSV: {error}", "repair its first lines")]
            ) from error
    if not names:
        raise FileFaults([Fault(shown(path), None, "", "holds no row", "write names of columns in its first line")])
    if len(set(names)) != len(names) or len(names) > _MOST_COLUMNS:
        problem = "names a column twice" if len(names) <= _MOST_COLUMNS else f"names {len(names)} columns"
        raise FileFaults([Fault(shown(path), 1, "", problem, "give every column a name of its own")])
    if len(cells) > len(names):
        problem = f"has {len(cells)} cells under {len(names)} names"
        raise FileFaults([Fault(shown(path), None, "row 1", problem, "put text with the separator in it in quotes")])
    return names


def _filled(file: TextIO) -> Iterator[str]:
    for line in numbered_lines(file):
        if line.text is None:
            raise csv.Error(f"a line is longer than {LONGEST} characters")
        if line.text.strip():
            yield line.text + "\n"
