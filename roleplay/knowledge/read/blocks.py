"""Blocks of bounded length, laid one after the other."""

from collections.abc import Iterator
from typing import Literal

from roleplay.knowledge.passage import Block
from roleplay.text import clean

Kind = Literal["heading", "paragraph", "row"]

LONGEST = 2**16
"""Most characters of one block; what is longer becomes several."""
LONGEST_HEADING = 200
"""Most characters of a heading, which goes with every passage below it; what is longer is a paragraph."""
_CUTS = "\n 。！？"


def cut(text: str) -> Iterator[tuple[int, int]]:
    """Where pieces of at most `LONGEST` characters begin and end in `text`: no white space around them, none empty."""
    at = 0
    while at < len(text):
        end = min(at + LONGEST, len(text))
        if end < len(text):
            # In the last quarter, behind the end of a line, a word or a sentence.
            end = max(text.rfind(mark, end - LONGEST // 4, end) for mark in _CUTS) + 1 or end
        piece = text[at:end]
        start = at + len(piece) - len(piece.lstrip())
        if start < end:
            yield start, at + len(piece.rstrip())
        at = end


def fitting(kind: Kind, length: int, level: int) -> tuple[Kind, int]:
    """Kind and level of a block: a heading that is too long is none."""
    return ("paragraph", 0) if kind == "heading" and length > LONGEST_HEADING else (kind, level)


class Laid:
    """Blocks of a document that is the texts of its blocks, with one newline between."""

    def __init__(self) -> None:
        self._at = 0

    def blocks(
        self, kind: Kind, text: str, level: int = 0, page: int | None = None, line: int | None = None
    ) -> Iterator[Block]:
        """The next ones; none where `text` is blank."""
        text = clean(text)
        kind, level = fitting(kind, len(text.strip()), level)
        for start, end in cut(text):
            yield Block(kind, text[start:end], self._at, level, page, line)
            self._at += end - start + 1
