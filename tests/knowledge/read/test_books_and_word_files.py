import io
import struct
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import docx
import pytest
from docx.oxml import OxmlElement
from docx.shared import Inches
from PIL import Image

from roleplay.errors import FileFaults, UsageError
from roleplay.knowledge.read.archive import Bounds, open_archive
from roleplay.knowledge.read.document import read_document
from roleplay.knowledge.read.epub import read_epub
from roleplay.knowledge.read.part import read_part
from roleplay.knowledge.read.word import read_docx
from tests.knowledge.read.conftest import epub, read, zipped

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="word/document.xml"/></Relationships>'
)


def word(path: Path, body: str | bytes, head: str = "") -> Path:
    """A Word file with this body and no styles."""
    whole = body if isinstance(body, bytes) else f'{head}<document xmlns="{WORD}"><body>{body}</body></document>'
    return zipped(path, {"_rels/.rels": RELATIONS, "word/document.xml": whole})


def test_pages_of_a_book_come_in_reading_order(tmp_path: Path) -> None:
    pages: dict[str, str | bytes] = {
        "two%20b.xhtml": "<html><body><h1>Two</h1><p>second</p></body></html>",
        "sub/../one.xhtml": "<h2>One<p>雾".encode("utf-16"),
        "three.xhtml": "<p>小声一点哦，学长。逗号刚睡着，就在你的椅子上。".encode("gb18030"),
    }
    path = epub(tmp_path / "a.epub", pages, {"OEBPS/one.xhtml": pages["sub/../one.xhtml"]})

    assert read(path) == ["# Two", "second", "## One", "雾", "小声一点哦，学长。逗号刚睡着，就在你的椅子上。"]


def test_a_book_can_be_told_from_its_contents_alone(tmp_path: Path) -> None:
    container = '<container><rootfiles><rootfile full-path="book.opf"/></rootfiles></container>'
    package = (
        '<package><manifest><item id="a" href="a.html" media-type="text/html"/>'
        '<item id="b" href="gone.html" media-type="text/html"/></manifest>'
        '<spine><itemref idref="a"/><itemref idref="a"/><itemref idref="b"/></spine></package>'
    )
    files: dict[str, str | bytes] = {
        "META-INF/container.xml": container,
        "book.opf": package,
        "a.html": "once",
        "inner.zip": b"PK\3\4",
    }

    assert read(zipped(tmp_path / "a.epub", files)) == ["once"]


def test_a_word_file_is_paragraphs_headings_and_rows(tmp_path: Path) -> None:
    made = docx.Document()
    made.add_heading("Harbour", 0)
    made.add_heading("Fog", 2)
    paragraph = made.add_paragraph("The bell\trings ")
    paragraph.add_run("at nine.\n雾").bold = True
    made.add_paragraph("item", style="List Bullet")
    picture = io.BytesIO()
    Image.new("RGB", (9, 9)).save(picture, "PNG")
    made.add_picture(picture, Inches(1))
    table = made.add_table(3, 2)
    for cell, text in zip(table._cells, ["Name", "Age", "Yui", "17", "Dot", ""], strict=True):
        cell.text = text
    table.rows[0]._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
    plain = made.add_table(1, 2)
    plain.rows[0].cells[0].text = "a\nb"
    plain.rows[0].cells[1].text = "c"
    own = made.styles.add_style("Scene", 1)
    own.base_style = made.styles["Heading 3"]
    made.add_paragraph("Night", style="Scene")
    made.save(str(tmp_path / "a.docx"))

    assert read(tmp_path / "a.docx") == [
        "# Harbour",
        "## Fog",
        "The bell rings at nine.\n雾",
        "item",
        "- Name: Yui; Age: 17",
        "- Name: Dot",
        "- a\nb | c",
        "### Night",
    ]


@pytest.mark.parametrize(
    ("body", "blocks"),
    [
        ('<p><pPr><outlineLvl val="1"/></pPr><r><t>Fog</t></r></p>', ["## Fog"]),
        (
            "<p><ins><r><t>new</t></r></ins><del><r><delText>old</delText></r></del></p>",
            ["new"],
        ),
        ("<p><moveFrom><r><t>gone</t></r></moveFrom><r><t>here</t></r></p>", ["here"]),
        (
            '<p><pPr><pPrChange><pPr><outlineLvl val="1"/></pPr></pPrChange></pPr><r><t>a</t></r></p>',
            ["a"],
        ),
        (
            "<p><r><t>out</t></r><r><txbxContent><p><r><t>box</t></r></p></txbxContent></r></p>",
            ["box", "out"],
        ),
        ("<sdt><sdtContent><p><r><t>field</t></r></p></sdtContent></sdt>", ["field"]),
        (
            '<tbl><tr><tc><tcPr><gridSpan val="1000000000"/></tcPr><p><r><t>wide</t></r></p></tc></tr></tbl>',
            ["- wide"],
        ),
        (
            "<tbl><tr><tc><p><r><t>a</t></r></p><tbl><tr><tc><p><r><t>b</t></r></p></tc></tr></tbl></tc></tr></tbl>",
            ["- a\nb"],
        ),
        (
            '<p><r><t>a</t></r></p><x:Fallback xmlns:x="http://schemas.openxmlformats.org/markup-compatibility/2006">'
            "<p><r><t>a</t></r></p></x:Fallback>",
            ["a"],
        ),
        ("<p><r><t>a&#x202E;b</t></r></p>", ["ab"]),
    ],
)
def test_what_word_marks_is_read_as_it_is_shown(tmp_path: Path, body: str, blocks: list[str]) -> None:
    assert read(word(tmp_path / "a.docx", body)) == blocks


@pytest.mark.parametrize(
    "frame",
    [
        "<p><r><t>{}</t></r></p>",
        "<tbl><tr><tc><p><r><t>{}</t></r></p></tc></tr></tbl>",
    ],
)
def test_a_long_text_of_a_word_file_comes_in_pieces(tmp_path: Path, frame: str) -> None:
    blocks = read(word(tmp_path / "a.docx", frame.format("word " * 40_000)))

    assert len(blocks) > 3
    assert sum(block.count("word") for block in blocks) >= 40_000 - len(blocks)


def test_a_paragraph_without_end_is_never_in_memory(tmp_path: Path) -> None:
    path = word(tmp_path / "a.docx", "<p>" + ("<r><t>" + "word " * 2_000 + "</t></r>") * 200 + "</p>")
    bounds = Bounds(squeezed=2_000)
    list(read_docx(path, bounds))  # the library is there
    tracemalloc.start()
    count = sum(1 for _ in read_docx(path, bounds))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert count > 20
    assert peak < 1.5e6


@pytest.mark.parametrize(("cell", "count"), [("x", 1_500), ("word " * 1_000, 20)])
def test_a_row_of_more_than_a_block_holds_is_no_row(tmp_path: Path, cell: str, count: int) -> None:
    row = f"<tc><p><r><t>{cell}</t></r></p></tc>" * count

    assert read(word(tmp_path / "a.docx", f"<tbl><tr>{row}</tr></tbl>")) == [cell.strip()] * count


BILLION = (
    "<!DOCTYPE d [<!ENTITY a0 'ha'>" + "".join(f"<!ENTITY a{i} '{f'&a{i - 1};' * 10}'>" for i in range(1, 12)) + "]>"
)
FOREIGN = '<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


def test_entities_of_a_word_file_are_not_expanded(tmp_path: Path) -> None:
    assert read(word(tmp_path / "a.docx", "<p><r><t>x&a;</t></r></p>", FOREIGN)) == ["x"]
    with pytest.raises(FileFaults, match="which is no XML"):
        read(word(tmp_path / "b.docx", "<p><r><t>x&a11;</t></r></p>", BILLION))


def test_a_file_that_an_entity_names_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the secret")
    content = f'<!DOCTYPE d [<!ENTITY a SYSTEM "{(tmp_path / "secret").as_uri()}">]><d>x&a;</d>'

    with open_archive(zipped(tmp_path / "a.zip", {"d.xml": content}), Bounds()) as archive:
        root = read_part(tmp_path / "a.zip", archive, "d.xml")
    assert root.text == "x"
    assert "the secret" not in "".join(child.text or "" for child in root)


def test_what_is_unpacked_is_counted_while_it_is_read(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a": b"word" * 50_000})

    with open_archive(path, Bounds(unpacked=300_000)) as archive:
        assert len(archive.read("a", 200_000)) == 200_000
        with pytest.raises(FileFaults, match="unpacks to more than it announced"):
            archive.read("a", 200_000)
    with (
        open_archive(path, Bounds()) as archive,
        pytest.raises(FileFaults, match="has more than 199,999 bytes in 'a'"),
    ):
        archive.read("a", 199_999)


@pytest.mark.parametrize("head", [BILLION, FOREIGN])
def test_entities_of_the_contents_of_a_book_are_not_expanded(tmp_path: Path, head: str) -> None:
    name = "a11" if head == BILLION else "a"
    container = f'{head}<container><rootfile full-path="&{name};"/><x>&{name};</x></container>'
    path = zipped(tmp_path / "a.epub", {"META-INF/container.xml": container})

    with pytest.raises(FileFaults) as caught:
        read(path)
    assert len(str(caught.value)) < 400
    assert "root:" not in str(caught.value)


def lying(path: Path) -> Path:
    """An entry of a megabyte that announces ten bytes."""
    word(path, b"x" * 2**20)
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\1\2")
    struct.pack_into("<I", data, at + 24, 10)
    path.write_bytes(data)
    return path


def many(path: Path) -> Path:
    return zipped(path, {f"{number}.txt": "" for number in range(300)})


def stuffed(path: Path) -> Path:
    """A table of contents of more than it may have: its one entry has a long comment."""
    with zipfile.ZipFile(path, "w") as archive:
        entry = zipfile.ZipInfo("a")
        entry.comment = b"x" * 60_000
        archive.writestr(entry, "")
    return path


def large_zip(path: Path) -> Path:
    """Marks of an archive of more than 4 GB before the last record."""
    data = word(path, "").read_bytes()
    at = data.rfind(b"PK\5\6")
    path.write_bytes(data[:at] + b"PK\6\7" + bytes(16) + data[at:])
    return path


def locked(path: Path) -> Path:
    data = bytearray(word(path, "").read_bytes())
    at = 0
    while (at := data.find(b"PK\1\2", at + 1)) > 0:
        data[at + 8] |= 1
    path.write_bytes(data)
    return path


def damaged(path: Path) -> Path:
    data = bytearray(word(path, "<p/>" * 99).read_bytes())
    at = data.find(b"word/document.xml") + 20
    data[at : at + 20] = bytes(20)
    path.write_bytes(data)
    return path


BOUNDS = Bounds(files=200, directory=50_000, unpacked=3 * 2**20, squeezed=200)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: word(path, b" " * 2 * 2**20), "announces 2,097,152 bytes for 'word/document.xml' in"),
        (lambda path: zipped(path, {f"{i}": bytes(2**20) for i in range(4)}), "announces 4,194,304 bytes unpacked"),
        (many, "announces 300 files; 200 are read"),
        (stuffed, "announces a table of contents of 60,047 bytes or more"),
        (large_zip, "announces a table of contents"),
        (lying, "cannot be unpacked"),
        (locked, "cannot be unpacked .*encrypted"),
        (damaged, "cannot be unpacked"),
        (lambda path: path.write_bytes(b"PK\3\4" + bytes(90)), "is cut off, or no archive"),
        (lambda path: path.write_bytes(b""), "is cut off, or no archive"),
        (lambda path: zipped(path, {"a.docx": "x"}), "has no '(_rels/.rels|META-INF/container.xml)' in it"),
        (
            lambda path: zipped(path, {"_rels/.rels": "<a/>", "META-INF/container.xml": "<a/>"}),
            "names no (document|list of its pages)",
        ),
        (lambda path: zipped(path, {"_rels/.rels": "<a>", "META-INF/container.xml": "<a>"}), "which is no XML"),
        (lambda path: zipped(path, {"_rels/.rels": "<a>" * 9_000, "META-INF/container.xml": "<a>" * 9_000}), "no XML"),
    ],
)
@pytest.mark.parametrize("reader", [read_docx, read_epub])
def test_an_archive_that_was_made_to_do_harm_is_one_fault(
    tmp_path: Path, make: Callable[[Path], object], problem: str, reader: Callable[..., object]
) -> None:
    path = tmp_path / "a"
    make(path)
    if make in (lying, damaged, locked) and reader is read_epub:
        pytest.skip("made for a Word file")

    with pytest.raises(FileFaults, match=problem) as caught:
        list(reader(path, BOUNDS))  # type: ignore[call-overload]
    assert len(caught.value.faults) == 1


def test_a_word_file_of_elements_in_elements_is_one_fault(tmp_path: Path) -> None:
    with pytest.raises(FileFaults, match="which is no XML"):
        read(word(tmp_path / "a.docx", b"<a>" * 100_000))


LARGE = {
    "attributes": "<p " + " ".join(f"a{i}=''" for i in range(200_000)) + "/>",
    "elements": "<p/>" * 30_000,
    "text": "<p><r><t>" + "word " * 60_000 + "</t></r></p>",
}


@pytest.mark.parametrize("what", LARGE)
def test_a_document_of_more_than_a_book_has_is_one_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr("roleplay.knowledge.read.word.MOST_ELEMENTS", 20_000)
    path = word(tmp_path / "a.docx", LARGE[what])

    with pytest.raises(FileFaults, match="holds more in its document than a book has"):
        list(read_docx(path, most=200_000 if what == "text" else 2**24))


def test_pages_of_a_book_are_bounded_together(tmp_path: Path) -> None:
    path = epub(tmp_path / "a.epub", {f"{i}.html": "word " * 100 for i in range(5)})

    assert len(list(read_epub(path, most=2_500))) == 5
    with pytest.raises(FileFaults, match="has more than 2,499 bytes of pages"):
        list(read_epub(path, most=2_499))


def test_elements_of_a_book_are_bounded_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roleplay.knowledge.read.hypertext.MOST_ELEMENTS", 20)
    path = epub(tmp_path / "a.epub", {f"{i}.html": "<p>a</p>" for i in range(9)})

    with pytest.raises(FileFaults, match="has more than 20 elements"):
        read(path)


def test_a_page_of_a_book_that_is_no_text_is_one_fault(tmp_path: Path) -> None:
    with pytest.raises(FileFaults, match="neither UTF-8 nor UTF-16 nor GB18030"):
        read(epub(tmp_path / "a.epub", {"a.html": b"<p>\xff\xff\xff\x00"}))


def test_a_library_that_is_missing_is_named_with_the_way_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lxml", None)
    monkeypatch.setitem(sys.modules, "pypdf", None)
    epub(tmp_path / "a.epub", {"a.html": "x"})
    word(tmp_path / "a.docx", "")
    for name in ("a.html", "a.pdf"):
        (tmp_path / name).write_text("x")
    for name, library in (("a.epub", "lxml"), ("a.docx", "lxml"), ("a.html", "lxml"), ("a.pdf", "pypdf")):
        with pytest.raises(UsageError, match=rf"the library '{library}.*pip install 'roleplay\[knowledge\]'"):
            list(read_document(tmp_path / name))
