"""Word files (.docx): paragraphs, headings by their style, rows of tables, read as they come (ISO/IEC 29500-1, 17)."""

import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from roleplay.knowledge.passage import Block
from roleplay.knowledge.read.archive import Archive, Bounds, open_archive
from roleplay.knowledge.read.blocks import LONGEST, Laid
from roleplay.knowledge.read.cells import MOST_COLUMNS, column_names, row_text
from roleplay.knowledge.read.part import read_part
from roleplay.knowledge.read.refused import SMALLER, library_for, refused

_RELATIONS = "_rels/.rels"
MOST_BYTES = 64 * 2**20
"""Most bytes of the document inside the archive."""
MOST_ELEMENTS = 2**21
"""Most elements of a document: ten times those of a long novel."""
_LONGEST_TAG = 2**20
_HEADING = re.compile(r"heading ([1-9])", re.I)
_SIGNS = {"tab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_TABLE = ("tbl", "tr", "tc", "tblHeader")
_UNSEEN = ("Fallback", "moveFrom", "pPrChange")
"""Text said again, text moved elsewhere, and how a paragraph looked before."""
_LONGEST_CHAIN = 10
_WORD = re.compile(r"\{[^}]*/wordprocessingml(?:/2006)?/main\}")
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"


def read_docx(path: Path, bounds: Bounds = Bounds(), most: int = MOST_BYTES) -> Iterator[Block]:
    """Blocks of a `.docx` file, its text at most `most` bytes unpacked; pictures stay packed. Raises FileFaults."""
    with library_for(path):
        from lxml import etree
    with open_archive(path, bounds) as archive:
        document = _main_part(path, archive)
        target = _Document(Laid(), _heading_levels(path, archive, document))
        parser = etree.XMLParser(target=target, resolve_entities=False, no_network=True, huge_tree=False)
        left, waiting, found = most, 0, 0
        try:
            for piece in archive.pieces(document):
                parser.feed(piece)
                yield from target.take()
                left -= len(piece)
                waiting, found = waiting + len(piece) if target.found == found else 0, target.found
                if left < 0 or waiting > _LONGEST_TAG or found > MOST_ELEMENTS:
                    raise refused(path, "holds more in its document than a book has", SMALLER)
            parser.close()
        except etree.XMLSyntaxError as error:
            raise refused(path, f"holds '{document[:60]}', which is no XML ({error.msg[:80]})") from error
        yield from target.take()


def _main_part(path: Path, archive: Archive) -> str:
    relations = read_part(path, archive, _RELATIONS)
    for relation in relations.iter("{*}Relationship"):
        if (relation.get("Type") or "").endswith("/officeDocument"):
            return posixpath.normpath((relation.get("Target") or "").lstrip("/"))
    raise refused(path, "is no Word file: it names no document in it", "save it as .docx")


def _heading_levels(path: Path, archive: Archive, document: str) -> dict[str, int]:
    """Name of a style -> level of the headings it makes. Built-in names stay English in every language of Word."""
    name = posixpath.join(posixpath.dirname(document), "styles.xml")
    if name not in archive:
        return {}
    levels: dict[str, int] = {}
    bases: dict[str, str] = {}
    for style in read_part(path, archive, name).iter("{*}style"):
        own = _value(style.attrib, "styleId")
        name, outline, bases[own] = (
            next((_value(one.attrib, "val") for one in style.iter(f"{{*}}{part}")), "")
            for part in ("name", "outlineLvl", "basedOn")
        )
        heading = _HEADING.fullmatch(name)
        level = int(heading[1]) if heading else 1 if name == "Title" else _outline_level(outline)
        if level:
            levels[own] = level
    return {own: level for own in bases if (level := _inherited(own, levels, bases))}


def _inherited(style: str, levels: Mapping[str, int], bases: Mapping[str, str]) -> int:
    for _ in range(_LONGEST_CHAIN):
        if style in levels:
            return levels[style]
        style = bases.get(style, "")
    return 0


def _outline_level(value: str) -> int:
    """Level of a heading from 1, or 0 for text."""
    return int(value) + 1 if len(value) == 1 and value in "012345678" else 0


def _value(attributes: Mapping[str, str], name: str) -> str:
    """An attribute, whatever its namespace."""
    return next((value for key, value in attributes.items() if key.rpartition("}")[2] == name), "")


class _Open:
    """A paragraph that has begun."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.size = 0
        self.level = 0


class _Document:
    """Takes what the parser finds, as it finds it (the target interface of lxml.de/parsing.html)."""

    def __init__(self, laid: Laid, levels: Mapping[str, int]) -> None:
        self._laid, self._levels = laid, levels
        self._ready: list[Block] = []
        self._open: list[_Open] = []
        """Paragraphs in each other: a text box lies inside one."""
        self.found = 0
        """How many elements began."""
        self._unseen = 0
        self._in_text = False
        self._tables = 0
        """How many tables are open; those inside another are text of its cell."""
        self._row: list[list[str]] | None = None
        """Cells of the open row, each of paragraphs; `None` outside one, and where it grew too long."""
        self._row_size = 0
        self._names: list[str] = []
        self._only_names = False

    def take(self) -> list[Block]:
        """Blocks that are whole."""
        ready, self._ready = self._ready, []
        return ready

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        name = _local(tag)
        self.found += 1
        self._unseen += name in _UNSEEN
        if self._unseen:
            return
        if name == "p":
            self._open.append(_Open())
        elif name == "t":
            self._in_text = True
        elif name in _TABLE:
            self._start_table(name, attributes)
        elif self._open and name == "pStyle":
            self._open[-1].level = self._levels.get(_value(attributes, "val"), 0)
        elif self._open and name == "outlineLvl":
            self._open[-1].level = _outline_level(_value(attributes, "val"))
        elif self._open and name in _SIGNS:
            self._gather(_SIGNS[name])

    def end(self, tag: str) -> None:
        """An element ends."""
        name = _local(tag)
        if self._unseen:
            self._unseen -= name in _UNSEEN
        elif name == "t":
            self._in_text = False
        elif name == "p":
            paragraph = self._open.pop()
            self._say("".join(paragraph.parts), paragraph.level)
        elif name == "tbl":
            self._tables -= 1
        elif name == "tr" and self._tables == 1 and self._row is not None:
            self._end_row(["\n".join(cell) for cell in self._row])

    def data(self, text: str) -> None:
        """Text between tags, in pieces."""
        if self._in_text and self._open and not self._unseen:
            self._gather(text)

    def close(self) -> None:
        """The document ends."""

    def _start_table(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "tbl":
            self._tables += 1
        if self._tables != 1:
            return
        if name == "tbl":
            self._names = []
        elif name == "tr":
            self._row, self._row_size, self._only_names = [], 0, False
        elif name == "tblHeader":
            self._only_names = _value(attributes, "val") not in ("0", "false", "off")
        elif self._row is not None:
            self._row.append([])
            if len(self._row) > MOST_COLUMNS:
                self._give_up_row()

    def _gather(self, text: str) -> None:
        paragraph = self._open[-1]
        paragraph.parts.append(text)
        paragraph.size += len(text)
        if paragraph.size > LONGEST:
            self._say("".join(paragraph.parts), 0)
            paragraph.parts, paragraph.size = [], 0

    def _say(self, text: str, level: int) -> None:
        """A paragraph, of a cell where one is open."""
        if self._row:
            self._row[-1].append(text.strip())
            self._row_size += len(text)
            if self._row_size > LONGEST:
                self._give_up_row()
        elif level:
            self._ready += self._laid.blocks("heading", text.replace("\n", " "), level)
        else:
            self._ready += self._laid.blocks("paragraph", text)

    def _end_row(self, cells: list[str]) -> None:
        self._row = None
        if self._only_names and not self._names and any(cells):
            self._names = column_names(cells)
        else:
            text = row_text(self._names, cells) if self._names else " | ".join(cell for cell in cells if cell)
            self._ready += self._laid.blocks("row", text)

    def _give_up_row(self) -> None:
        """What its cells say are paragraphs."""
        cells, self._row = self._row or [], None
        for cell in cells:
            for text in cell:
                self._ready += self._laid.blocks("paragraph", text)


def _local(tag: str) -> str:
    """Name of an element of the word processor; of others, nothing, or that they say again what stands beside them."""
    word = _WORD.match(tag)
    return tag[word.end() :] if word else "Fallback" if tag == _FALLBACK else ""
