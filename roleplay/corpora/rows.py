"""Raw rows of any file: JSON Lines and JSON here, tables and plain text by their own readers."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from roleplay.corpora.encoding import LONGEST, Encoding, find_encoding, numbered_lines
from roleplay.errors import Fault, FileFaults
from roleplay.paths import shown
from roleplay.text import one_line

TABLES = (".csv", ".tsv", ".parquet", ".arrow")
ENDINGS = (".jsonl", ".ndjson", ".json", ".txt", *TABLES)
"""Endings of files whose rows are read here."""

_SPACE = re.compile(r"[ \t\n\r]*")
_CHUNK = 2**16


@dataclass(frozen=True)
class Row:
    """One row as it lies in its file."""

    number: int
    """Counted from 1: the line of JSON Lines, else the row or document."""
    value: Any
    """What the row holds; `None` where it could not be read."""
    problem: str = ""
    """Why it could not be read."""
    file: str = ""
    """The file it is in, as the person would type it."""

    @property
    def source(self) -> str:
        """File and row, for messages."""
        return f"{self.file}:{self.number}"


@dataclass(frozen=True)
class Table:
    """A file, or the files of a folder, ready to be read row by row as often as wanted."""

    path: Path
    """File or folder."""
    files: tuple[Path, ...]
    """Its files, all with one ending."""
    encodings: tuple[Encoding | None, ...]
    """Of each file; `None` where the format has its own."""

    @property
    def encoding(self) -> str:
        """Name of the encodings met, for the report."""
        return ", ".join(dict.fromkeys(encoding.name for encoding in self.encodings if encoding))

    def rows(self) -> Iterator[Row]:
        """Every row. Raises FileFaults where the rest of a file cannot be read."""
        for path, encoding in zip(self.files, self.encodings, strict=True):
            file = shown(path)
            for row in _rows(path, encoding):
                yield Row(row.number, row.value, row.problem, file)


def open_table(path: Path) -> Table:
    """The table at `path`. Raises FileFaults for what is missing, mixed or of an unknown ending."""
    files = tuple(_files(path))
    encodings = tuple(None if file.suffix.lower() in (".parquet", ".arrow") else find_encoding(file) for file in files)
    return Table(path, files, encodings)


def _files(path: Path) -> list[Path]:
    here = shown(path)
    if not path.is_dir():
        if path.suffix.lower() not in ENDINGS:
            remedy = f"use one of {', '.join(ENDINGS)}"
            raise FileFaults([Fault(here, None, "", f"has the ending '{one_line(path.suffix)}'", remedy)])
        return [path]
    inside = path.resolve()
    files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    if any(not file.resolve().is_relative_to(inside) for file in files):
        raise FileFaults([Fault(here, None, "", "has a link that leads out of it", "copy the file into the folder")])
    endings = sorted({file.suffix.lower() for file in files})
    if len(endings) != 1 or endings[0] not in ENDINGS:
        seen = ", ".join(ending or "none" for ending in endings) or "no file"
        remedy = f"keep files of one ending in it: {', '.join(ENDINGS)}"
        raise FileFaults([Fault(here, None, "", f"is a folder with the endings {one_line(seen)}", remedy)])
    return files


def _rows(path: Path, encoding: Encoding | None) -> Iterator[Row]:
    ending = path.suffix.lower()
    if ending in TABLES:
        from roleplay.corpora.tables import table_rows

        for number, value in enumerate(table_rows(path, encoding), 1):
            yield Row(number, value)
        return
    if encoding is None:
        return
    with encoding.open(path) as file:
        if ending == ".txt":
            yield from _documents(file, encoding)
        elif ending == ".json":
            yield from _values(file, encoding, path)
        else:
            yield from _lines(file, encoding)


def _lines(file: TextIO, encoding: Encoding) -> Iterator[Row]:
    for line in numbered_lines(file):
        if line.text is None:
            yield Row(line.number, None, f"is longer than {LONGEST} characters")
        elif encoding.broken(line.text):
            yield Row(line.number, None, f"is not {encoding.name}")
        elif line.text.strip():
            yield _parsed(line.number, line.text)


def _parsed(number: int, text: str) -> Row:
    try:
        return Row(number, json.loads(text))
    except (ValueError, RecursionError):
        return Row(number, None, "is not JSON")


def _documents(file: TextIO, encoding: Encoding) -> Iterator[Row]:
    """One document; a file too long to hold is cut at ends of lines, at an empty one where there is one."""
    parts: list[str] = []
    length = number = 0
    for line in numbered_lines(file):
        text = line.text if line.text is not None else ""
        if line.text is None or encoding.broken(text):
            problem = f"is longer than {LONGEST} characters" if line.text is None else f"is not {encoding.name}"
            yield Row(line.number, None, f"has a line that {problem}")
            continue
        if (length > LONGEST // 8 and not text.strip()) or length + len(text) > LONGEST:
            number += 1
            yield Row(number, {"text": "\n".join(parts)})
            parts, length = [], 0
        parts.append(text)
        length += len(text) + 1
    if parts:
        yield Row(number + 1, {"text": "\n".join(parts)})


def _values(file: TextIO, encoding: Encoding, path: Path) -> Iterator[Row]:
    """Elements of an array, or values one after another, each as soon as it is there whole."""
    decoder, at, number = json.JSONDecoder(), 0, 0
    text = file.read(_CHUNK)
    at = _skip(text, 0)
    array = text[at : at + 1] == "["
    at += int(array)
    while True:
        at = _skip(text, at)
        if at == len(text):
            text, at = file.read(_CHUNK), 0
            if text:
                continue
            if array:
                raise _cut_short(path, number, "ends in the middle of its list")
            return
        if array and text[at] == "]":
            _check_end(file, text[at + 1 :], path)
            return
        if array and number:
            if text[at] != ",":
                raise _cut_short(path, number, "has no comma after it")
            text, at = _more(file, text, at + 1)
        number += 1
        value, text, at, raw = _next(decoder, file, text, at, path, number)
        broken = encoding.broken(raw)
        yield Row(number, None, f"is not {encoding.name}") if broken else Row(number, value)


def _next(
    decoder: json.JSONDecoder, file: TextIO, text: str, at: int, path: Path, number: int
) -> tuple[Any, str, int, str]:
    """(value, rest of the text, where it goes on in it, the value's own text)."""
    while True:
        try:
            value, end = decoder.raw_decode(text, at)
            if end < len(text):
                return value, text, end, text[at:end]
        except RecursionError as error:
            raise _cut_short(path, number, "is nested too deeply") from error
        except ValueError as error:
            value, end, reason = None, -1, getattr(error, "msg", str(error))
        if len(text) - at > LONGEST:
            raise _cut_short(path, number, f"is longer than {LONGEST} characters, or not JSON")
        # As much again as is there: a long value is looked at few times.
        more = file.read(max(_CHUNK, len(text) - at))
        if not more and end >= 0:
            return value, text, end, text[at:end]
        if not more:
            raise _cut_short(path, number, f"is not JSON ({one_line(reason)}) or is cut short")
        text, at = text[at:] + more, 0


def _more(file: TextIO, text: str, at: int) -> tuple[str, int]:
    at = _skip(text, at)
    while at == len(text) and (more := file.read(_CHUNK)):
        text, at = more, _skip(more, 0)
    return text, at


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _check_end(file: TextIO, rest: str, path: Path) -> None:
    while not rest.strip() and (rest := file.read(_CHUNK)):
        pass
    if rest.strip():
        remedy = "call the file .jsonl if every line is a row of its own, else take out what follows the list"
        raise FileFaults([Fault(shown(path), None, "", "goes on after the end of its list", remedy)])


def _cut_short(path: Path, number: int, problem: str) -> FileFaults:
    return FileFaults([Fault(shown(path), None, f"row {number}", problem, "repair the file or get it again")])
