"""Any file of a character's world as blocks."""

import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from roleplay.knowledge.passage import Block
from roleplay.knowledge.read.entries import read_json
from roleplay.knowledge.read.epub import read_epub
from roleplay.knowledge.read.hypertext import read_html
from roleplay.knowledge.read.markdown import read_markdown
from roleplay.knowledge.read.pdf import read_pdf
from roleplay.knowledge.read.plain import read_plain
from roleplay.knowledge.read.refused import refused
from roleplay.knowledge.read.table import read_csv
from roleplay.knowledge.read.word import read_docx
from roleplay.text import one_line

_READERS: Mapping[str, Callable[[Path], Iterator[Block]]] = {
    ".txt": read_plain,
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".html": read_html,
    ".htm": read_html,
    ".xhtml": read_html,
    ".pdf": read_pdf,
    ".epub": read_epub,
    ".docx": read_docx,
    ".csv": read_csv,
    ".tsv": read_csv,
    ".json": read_json,
    ".jsonl": read_json,
}
ENDINGS = tuple(_READERS)
"""Endings of the files that are read, in small letters."""


def read_document(path: Path) -> Iterator[Block]:
    """Blocks of a file in order, as soon as they are read; the ending tells the format.

    Offsets count characters of the document as read: for text and Markdown the file decoded, each kind of line end a
    newline, cleaned by `roleplay.text.clean`; for other formats the texts of the blocks, with one newline between.
    So `document[block.start : block.start + len(block.text)] == block.text` for every block of every format.

    Raises FileFaults for what cannot be read, holds no text or was made to do harm, perhaps after some blocks; and
    UsageError where a library is missing.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise refused(path, f"has the ending '{one_line(path.suffix)}'", f"use one of {', '.join(ENDINGS)}")
    some = False
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise refused(path, "is no file", "name a file, not a folder, a pipe or a device")
        for block in reader(path):
            some = True
            yield block
    except OSError as error:
        raise refused(
            path, f"cannot be read: {error.strerror or error}", "check the path and its permissions"
        ) from error
    if not some:
        raise refused(path, "holds no text", "write some, or take it off the card; pages that are pictures hold none")
