"""A book in passages, cut at paragraph borders."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from roleplay.corpora.encoding import find_encoding
from roleplay.text import clean

# Places to cut before, the best first: an empty line, a line that ends a sentence, a sentence's end, any line, a space.
_BORDERS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\n[^\S\n]*\n\s*",
        r"(?<=[.!?。！？…”’」』\"])[^\S\n]*\n\s*",
        r"(?<=[。！？])[”’」』]?(?![”’」』])|(?<=[.!?])[”’\"]?\s+",
        r"\n\s*",
        r"\s+",
    )
)


@dataclass(frozen=True)
class Passage:
    """A stretch of a book."""

    start: int
    """Where it begins, in characters of the book as `read_book` gives it."""
    end: int
    """Where it ends."""
    text: str
    """What stands there, cleaned, without white space around it."""


def read_book(path: Path) -> str:
    """The text of a book, every line end a newline. Raises FileFaults."""
    with find_encoding(path).open(path) as file:
        return file.read()


def split_passages(book: str, limit: int) -> list[Passage]:
    """Passages of at most `limit` characters that together hold all of the book's text.

    A paragraph longer than that is cut at the end of a sentence, and what has none wherever the limit falls.
    """
    passages = []
    for start, end in _spans(book, limit):
        piece = book[start:end]
        start += len(piece) - len(piece.lstrip())
        end = start + len(piece.strip())
        if any(char.isalnum() for char in piece):
            passages.append(Passage(start, end, clean(book[start:end]).strip()))
    return passages


def _spans(book: str, limit: int) -> Iterator[tuple[int, int]]:
    at = 0
    while at < len(book):
        cut = len(book) if len(book) - at <= limit else at + _cut(book[at : at + limit])
        yield at, cut
        at = cut


def _cut(window: str) -> int:
    """Where to end a passage within `window`; not before a quarter of it, so that no heading stands alone."""
    for border in _BORDERS:
        ends = [match.end() for match in border.finditer(window) if match.end() > len(window) // 4]
        if ends:
            return ends[-1]
    return len(window)
