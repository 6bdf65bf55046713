"""Files that a test writes, and their blocks in short."""

import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

from roleplay.knowledge.passage import Block
from roleplay.knowledge.read.document import read_document

Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a file, in folders if need be, below the current folder."""
    monkeypatch.chdir(tmp_path)

    def put(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return put


def told(blocks: Iterable[Block]) -> list[str]:
    """Blocks as short as can be: `# Fog`, `The bell.`, `- name: Bell`."""
    signs = {"heading": "#", "paragraph": "", "row": "-"}
    return [f"{signs[block.kind] * max(block.level, 1)} {block.text}".strip() for block in blocks]


def read(path: Path) -> list[str]:
    """A file in short; its blocks must stand where they say."""
    blocks = list(read_document(path))
    check_laid(blocks)
    return told(blocks)


def check_laid(blocks: list[Block]) -> None:
    """The document is the texts of the blocks with a newline between."""
    document = "\n".join(block.text for block in blocks)
    assert all(document.startswith(block.text, block.start) for block in blocks)
    assert [block.start for block in blocks] == sorted({block.start for block in blocks})


def zipped(path: Path, files: Mapping[str, str | bytes]) -> Path:
    """An archive of these files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def epub(path: Path, pages: Mapping[str, str | bytes], more: Mapping[str, str | bytes] | None = None) -> Path:
    """A book whose pages are read in this order, and other files of it."""
    items = "".join(
        f'<item id="i{i}" href="{name}" media-type="application/xhtml+xml"/>' for i, name in enumerate(pages)
    )
    order = "".join(f'<itemref idref="i{i}"/>' for i in range(len(pages)))
    return zipped(
        path,
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
            "OEBPS/book.opf": f'<package xmlns="http://www.idpf.org/2007/opf"><manifest>{items}'
            '<item id="c" href="style.css" media-type="text/css"/></manifest>'
            f'<spine>{order}<itemref idref="c"/><itemref idref="none"/></spine></package>',
            "OEBPS/style.css": "p {}",
            **{f"OEBPS/{name.replace('%20', ' ')}": content for name, content in pages.items()},
            **(more or {}),
        },
    )


def pdf(content: bytes, *more: bytes, pages: int = 1, resources: bytes = b"", kids: bytes = b"") -> bytes:
    """A PDF of pages that all show the stream `content`; `more` objects are numbered from 6."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        kids or b"<</Type/Pages/Count %d/Kids[%s]>>" % (pages, b"3 0 R " * pages),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F1 4 0 R>>%s>>/Contents 5 0 R>>"
        % resources,
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        content,
        *more,
    ]
    out, places = b"%PDF-1.7\n", []
    for number, item in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, item)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return out + b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (
        size,
        table,
        size,
        len(out),
    )


def stream(data: bytes, keys: bytes = b"", times: int = 1) -> bytes:
    """A stream, squeezed so many times."""
    for _ in range(times):
        data = zlib.compress(data, 9)
    filters = b"/FlateDecode" * times
    return b"<</Length %d/Filter[%s]%s>>\nstream\n%s\nendstream" % (len(data), filters, keys, data)
