"""HTML and XHTML: headings, paragraphs, items of lists and rows of tables, without building a tree of them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from roleplay.corpora.encoding import find_encoding
from roleplay.knowledge.passage import Block
from roleplay.knowledge.read.blocks import LONGEST, Laid
from roleplay.knowledge.read.cells import MOST_COLUMNS, column_names, row_text
from roleplay.knowledge.read.joined import join_lines
from roleplay.knowledge.read.refused import SMALLER, library_for, refused
from roleplay.text import clean

MOST_BYTES = 64 * 2**20
"""Largest page that is read."""
MOST_ELEMENTS = 2**20
"""Most elements of a page, or of all pages of a book: a hundred bytes each in the largest page."""
_DEEPEST = 1000
_LONGEST_TAG = 8 * 2**20
"""Most characters of a tag with its attributes, which may hold a picture, or of a comment."""
_CHUNK = 2**16
_UNSEEN = re.compile("head|iframe|nav|noscript|object|rp|rt|script|style|svg|template|textarea")
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
# What begins and ends a block of its own.
_APART = re.compile(
    "address|article|aside|blockquote|body|caption|dd|details|dialog|div|dl|dt|fieldset|figcaption|figure|footer|form|"
    "h[1-6]|header|hr|legend|li|main|menu|ol|option|p|pre|section|select|summary|table|tbody|tfoot|thead|tr|ul"
)
_BREAK = "\v"
"""Stands for `<br>` in gathered text, which has none of its own."""


def read_html(path: Path, most: int = MOST_BYTES) -> Iterator[Block]:
    """Blocks of a page of at most `most` bytes. Raises FileFaults; nothing that the page links to is fetched."""
    if path.stat().st_size > most:
        raise refused(path, f"has {path.stat().st_size:,} bytes; {most:,} are read of a page", SMALLER)
    with find_encoding(path).open(path) as file:
        yield from page_blocks(path, iter(lambda: file.read(_CHUNK), ""), Page(Laid()))


def page_blocks(path: Path, chunks: Iterable[str], page: "Page") -> Iterator[Block]:
    """Blocks of a page that comes in pieces; `page` may have taken others before it."""
    with library_for(path):
        from lxml import etree
    parser = etree.HTMLParser(target=page, no_network=True, huge_tree=False)
    found = waiting = 0
    try:
        for chunk in chunks:
            parser.feed(clean(chunk))  # halves of surrogate pairs would stop it
            yield from page.take()
            waiting, found = waiting + len(chunk) if page.found == found else 0, page.found
            if waiting > _LONGEST_TAG:
                raise Trap(f"has a tag or a comment of more than {_LONGEST_TAG:,} characters")
        parser.close()
    except Trap as error:
        raise refused(path, str(error), "take it for a trap, or split it into smaller files") from error
    except etree.LxmlError as error:
        raise refused(path, f"cannot be read as HTML ({str(error)[:80]})") from error
    page.end_block()
    yield from page.take()


class Trap(Exception):
    """A page that was made to cost much."""


class Page:
    """Takes what the parser finds, as it finds it (the target interface of lxml.de/parsing.html)."""

    def __init__(self, laid: Laid) -> None:
        self._laid = laid
        self._ready: list[Block] = []
        self._gathered: list[str] = []
        self._size = 0
        self.found = 0
        """How many things the parser found."""
        self._elements = self._depth = 0
        self._unseen = 0
        """How many open elements show no text."""
        self._heading = 0
        """Level of the open heading."""
        self._preformatted = 0
        self._row: list[str] | None = None
        """Cells of the open row; `None` outside one, and where a table does not hold values but a page."""
        self._row_size = 0
        self._names: list[str] = []
        self._only_names = True
        """Whether all cells of the open row are names of columns."""

    def take(self) -> list[Block]:
        """Blocks that are whole."""
        ready, self._ready = self._ready, []
        return ready

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        self.found += 1
        self._elements += 1
        self._depth += 1
        if self._depth > _DEEPEST:
            raise Trap(f"nests elements more than {_DEEPEST:,} deep")
        if self._elements > MOST_ELEMENTS:
            raise Trap(f"has more than {MOST_ELEMENTS:,} elements")
        self._unseen += bool(_UNSEEN.fullmatch(tag))
        if self._row is not None and (tag in _HEADINGS or tag == "table"):
            self._give_up_row()
        if _APART.fullmatch(tag):
            self.end_block()
        self._heading = _HEADINGS.get(tag, self._heading)
        self._preformatted += tag == "pre"
        if tag == "br":
            self.data(_BREAK)
        elif tag == "table":
            self._names = []
        elif tag == "tr":
            self._row, self._row_size, self._only_names = [], 0, True
        elif tag in ("td", "th"):
            self._only_names &= tag == "th"

    def end(self, tag: str) -> None:
        """An element ends; the parser closes those that the page leaves open."""
        self._depth -= 1
        self._unseen -= bool(_UNSEEN.fullmatch(tag))
        if tag in ("td", "th") and self._row is not None:
            self._row.append(self._text())
            self._row_size += len(self._row[-1])
            if len(self._row) > MOST_COLUMNS or self._row_size > LONGEST:
                self._give_up_row()
        elif tag == "tr" and self._row is not None:
            self._end_row(self._row)
        if _APART.fullmatch(tag) or tag in ("td", "th"):
            self.end_block()
        if tag in _HEADINGS:
            self._heading = 0
        elif tag == "table":
            self._names = []
        self._preformatted -= tag == "pre"

    def data(self, text: str) -> None:
        """Text between tags, in pieces."""
        self.found += 1
        if self._unseen:
            return
        if text != _BREAK:
            text = clean(text)
        if self._preformatted:
            text = text.replace("\n", _BREAK)
        self._gathered.append(text)
        self._size += len(text)
        if self._size > LONGEST:
            if self._row is not None:
                self._give_up_row()
            self.end_block()

    def comment(self, text: str) -> None:
        """A comment, which is no text."""
        self.found += 1

    def close(self) -> None:
        """The page ends."""

    def end_block(self) -> None:
        """What was gathered is a block; in a cell it is only parted from what follows."""
        if self._row is not None:
            self._gathered.append(_BREAK)
            return
        text = self._text()
        if self._heading:
            self._ready += self._laid.blocks("heading", text.replace("\n", " "), self._heading)
        else:
            self._ready += self._laid.blocks("paragraph", text)

    def _text(self) -> str:
        text, self._gathered, self._size = "".join(self._gathered), [], 0
        if self._preformatted:
            return text.replace(_BREAK, "\n").strip("\n")
        lines = (
            join_lines([" ".join(line.split()) for line in part.split("\n") if line.strip()])
            for part in text.split(_BREAK)
        )
        return "\n".join(line for line in lines if line)

    def _end_row(self, row: list[str]) -> None:
        self._row, self._gathered, self._size = None, [], 0
        if self._only_names and not self._names and any(row):
            self._names = column_names(row)
        else:
            text = row_text(self._names, row) if self._names else " | ".join(cell for cell in row if cell)
            self._ready += self._laid.blocks("row", text)

    def _give_up_row(self) -> None:
        """The table holds a page: what its cells say are paragraphs."""
        cells, self._row = self._row or [], None
        for cell in cells:
            self._ready += self._laid.blocks("paragraph", cell)
        self.end_block()
