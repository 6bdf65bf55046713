"""EPUB: the pages of a book in the order in which they are read (w3.org/TR/epub-33, 4 and 5)."""

import codecs
import contextlib
import posixpath
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from roleplay.knowledge.passage import Block
from roleplay.knowledge.read.archive import Archive, Bounds, open_archive
from roleplay.knowledge.read.blocks import Laid
from roleplay.knowledge.read.hypertext import MOST_BYTES, Page, page_blocks
from roleplay.knowledge.read.part import read_part
from roleplay.knowledge.read.refused import SMALLER, refused

_CONTAINER = "META-INF/container.xml"
_MOST_PAGE = 16 * 2**20
"""Most bytes of one page."""
_CHUNK = 2**16
_PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")


def read_epub(path: Path, bounds: Bounds = Bounds(), most: int = MOST_BYTES) -> Iterator[Block]:
    """Blocks of the pages of a book, of at most `most` bytes unpacked together. Raises FileFaults.

    Pictures, fonts and whatever else is not in the reading order stay packed.
    """
    page = Page(Laid())
    with open_archive(path, bounds) as archive:
        left = most
        for name in _reading_order(path, archive):
            data = archive.read(name, _MOST_PAGE)
            left -= len(data)
            if left < 0:
                raise refused(path, f"has more than {most:,} bytes of pages", SMALLER)
            text = _decoded(path, data)
            yield from page_blocks(path, (text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK)), page)


def _reading_order(path: Path, archive: Archive) -> list[str]:
    """Names of the pages, each once."""
    container = read_part(path, archive, _CONTAINER)
    contents = next((root.get("full-path") for root in container.iter("{*}rootfile")), None)
    if not contents:
        raise refused(path, f"names no list of its pages in {_CONTAINER}")
    package = read_part(path, archive, contents)
    folder = posixpath.dirname(contents)
    pages = {}
    for item in package.iter("{*}item"):
        if item.get("media-type") in _PAGES:
            place = posixpath.normpath(posixpath.join(folder, unquote(item.get("href") or "")))
            pages[item.get("id")] = place
    order = (pages.get(reference.get("idref")) for reference in package.iter("{*}itemref"))
    return [name for name in dict.fromkeys(order) if name is not None and name in archive]


def _decoded(path: Path, data: bytes) -> str:
    """Text of a page: UTF-8 or UTF-16, which are all that a book may use, or GB18030, which some do."""
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for codec in ("utf-16",) if wide else ("utf-8-sig", "gb18030"):
        with contextlib.suppress(UnicodeDecodeError):
            return data.decode(codec)
    raise refused(path, "has a page that is neither UTF-8 nor UTF-16 nor GB18030")
