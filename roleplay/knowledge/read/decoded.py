"""Text files line by line: decoded, cleaned, each line with its offset."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from roleplay.corpora.encoding import find_encoding
from roleplay.knowledge.passage import Block
from roleplay.knowledge.read.blocks import LONGEST, Kind, cut, fitting
from roleplay.text import clean


@dataclass(frozen=True)
class Line:
    """A line of the document as read, or a piece of one that is too long to hold."""

    text: str
    """With its newline, if it has one."""
    start: int
    """Offset of its first character in the document as read."""
    number: int
    """Counted from 1."""
    whole: bool
    """Whether it is no piece."""

    @property
    def blank(self) -> bool:
        """Whether a reader sees nothing in it; a piece stands between others."""
        return self.whole and not self.text.strip()


def read_lines(path: Path) -> Iterator[Line]:
    """Every line. Raises FileFaults where the encoding is none of those that are found, or the file cannot be read."""
    with find_encoding(path).open(path) as file:
        start, number, begins = 0, 1, True
        while raw := file.readline(LONGEST):
            text, ends = clean(raw), raw.endswith("\n")
            yield Line(text, start, number, begins and (ends or len(raw) < LONGEST))
            start += len(text)
            number += ends
            begins = ends


class Paragraph:
    """Lines that belong together, gathered until their end is known."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = self._start = 0
        self._number = 1
        self.first = ""
        """The first line; empty where there is none, or where its block is already out."""

    def add(self, line: Line) -> Iterator[Block]:
        """Take one more line; gives blocks where the paragraph grows too long to be one."""
        if not self._parts:
            self._start, self._number, self.first = line.start, line.number, line.text
        self._parts.append(line.text)
        self._size += len(line.text)
        if self._size > LONGEST:
            text = "".join(self._parts)
            *out, last = [*cut(text), (len(text), len(text))]
            if len(out) > 1:
                last = out.pop()  # what follows may still go on in it
            yield from self._blocks(text, out, "paragraph", 0)
            self._number += text.count("\n", 0, last[0])
            self._start += last[0]
            self._parts, self._size, self.first = [text[last[0] :]], len(text) - last[0], ""

    def end(self, kind: Kind = "paragraph", level: int = 0) -> Iterator[Block]:
        """What was gathered, as blocks; the next line begins another paragraph."""
        text = "".join(self._parts)
        kind, level = fitting(kind, len(text.strip()), level)
        yield from self._blocks(text, list(cut(text)), kind, level)
        self._parts, self._size, self.first = [], 0, ""

    def _blocks(self, text: str, spans: list[tuple[int, int]], kind: Kind, level: int) -> Iterator[Block]:
        seen, number = 0, self._number
        for start, end in spans:
            number += text.count("\n", seen, start)
            seen = start
            yield Block(kind, text[start:end], self._start + start, level, line=number)
