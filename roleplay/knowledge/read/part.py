"""A small XML file inside an archive, as a tree."""

from pathlib import Path
from typing import Any

from roleplay.knowledge.read.archive import Archive
from roleplay.knowledge.read.refused import library_for, refused
from roleplay.text import one_line

MOST_BYTES = 4 * 2**20
"""Largest file of which a tree is made."""


def read_part(path: Path, archive: Archive, name: str) -> Any:
    """The root element of the entry `name`. Entities are not expanded. Raises FileFaults."""
    with library_for(path):
        from lxml import etree
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(archive.read(name, MOST_BYTES), parser)
    except etree.XMLSyntaxError as error:
        raise refused(path, f"holds '{one_line(name)}', which is no XML ({one_line(error.msg or '')})") from error
