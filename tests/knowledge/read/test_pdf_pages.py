import logging
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pypdf
import pytest
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate

from roleplay.errors import FileFaults
from roleplay.knowledge.read.document import read_document
from roleplay.knowledge.read.joined import join_lines
from roleplay.knowledge.read.pdf import Bounds, read_pdf
from tests.knowledge.read.conftest import Write, check_laid, pdf, read, stream, told

ENGLISH = "The fog bell rings at nine, and the harbour sleeps until the boats come home again. " * 3
CHINESE = "雾里的钟声传得很远，港口已经睡着了，只有灯塔还醒着。" * 4
FONTS = b"/XObject<</X 6 0 R>>"


def text(content: bytes) -> bytes:
    return stream(b"BT /F1 12 Tf " + content + b" ET")


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """Two pages: English of two paragraphs, and Chinese above English."""
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    latin = ParagraphStyle("latin")
    chinese = ParagraphStyle("chinese", fontName="STSong-Light", wordWrap="CJK")
    path = tmp_path / "a.pdf"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the maker
        SimpleDocTemplate(str(path)).build(
            [
                Paragraph(ENGLISH, latin),
                Paragraph("Short.", latin),
                PageBreak(),
                Paragraph(CHINESE, chinese),
                Paragraph(ENGLISH, latin),
            ]
        )
    return path


def test_lines_of_a_page_are_paragraphs_again(book: Path) -> None:
    blocks = list(read_document(book))

    check_laid(blocks)
    assert [(block.page, block.text) for block in blocks] == [
        (1, ENGLISH.strip()),
        (1, "Short."),
        (2, CHINESE),
        (2, ENGLISH.strip()),
    ]


@pytest.mark.parametrize(
    ("lines", "joined"),
    [
        (["the har-", "bour"], "the harbour"),
        (["the North-", "Sea"], "the North- Sea"),
        (["1990-", "x"], "1990- x"),
        (["soft\u00ad", "Wort"], "softWort"),
        (["雾里的", "钟声"], "雾里的钟声"),
        (["雾 fog", "bell"], "雾 fog bell"),
        (["fog", "雾"], "fog雾"),
        ([], ""),
    ],
)
def test_lines_are_joined_as_they_were_before_they_were_broken(lines: list[str], joined: str) -> None:
    assert join_lines(lines) == joined


@pytest.mark.parametrize(("password", "opens"), [("", True), ("secret", False)])
def test_an_encrypted_file_is_read_where_it_opens_without_a_password(book: Path, password: str, opens: bool) -> None:
    writer = pypdf.PdfWriter(clone_from=book)
    writer.encrypt(password, "owner", algorithm="RC4-128")
    writer.write(book)

    if opens:
        assert read(book)[1] == "Short."
    else:
        with pytest.raises(FileFaults, match=r"is encrypted; save a copy without password"):
            read(book)


def test_encryption_that_needs_another_library_is_told(write: Write) -> None:
    key = b"<</Filter/Standard/V 5/R 6/Length 256/P -4/U<%s>/O<%s>/UE<%s>/OE<%s>/Perms<%s>" % (
        b"00" * 48,
        b"00" * 48,
        b"00" * 32,
        b"00" * 32,
        b"00" * 16,
    )
    key += b"/StmF/C/StrF/C/CF<</C<</CFM/AESV3/Length 32>>>>>>"
    data = pdf(text(b"(x) Tj"), key).replace(b"/Root 1 0 R", b"/Root 1 0 R/Encrypt 6 0 R/ID[<00><00>]")

    with pytest.raises(FileFaults, match=r"a\.pdf: is encrypted"):
        read(write("a.pdf", data))


FORM = b"/Type/XObject/Subtype/Form"
CMAP = b"1 begincodespacerange <00><ff> endcodespacerange 1 beginbfchar <61><%s> endbfchar\n" % (b"0041" * 100)
SLOW_FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 7 0 R>>"
BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "operators": (lambda: pdf(text(b"(x) Tj " * 300_000)), "maximum number of tokens"),
    "pages of operators": (lambda: pdf(text(b"(x) Tj " * 2_000), pages=200), "takes more work than its size allows"),
    "empty pages": (
        lambda: pdf(stream(b" "), pages=3_000).replace(b"/Font<</F1 4 0 R>>", b""),
        "takes more work than its size allows",
    ),
    "comments": (lambda: pdf(stream(b"%" + b"x" * 10_000_000), pages=1_000), "takes more work than its size allows"),
    "long arrays": (
        lambda: pdf(stream(b"[" + b"0 " * 15_000 + b"] 0 d"), pages=40),
        "takes more work than its size allows",
    ),
    "one string": (lambda: pdf(text(b"(" + b"x" * 2_000_000 + b") Tj")), "shows more than 65,536 bytes of text"),
    "one array": (
        lambda: pdf(text(b"[" + b"(xxxxxxxxxx)" * 9_000 + b"] TJ")),
        "shows more than 65,536 bytes of text",
    ),
    "a stream in a stream": (lambda: pdf(stream(b"x " * 20_000_000, times=2)), "Limit reached while decompressing"),
    "fonts": (
        lambda: pdf(
            text(b"(x) Tj"),
            SLOW_FONT,
            stream(CMAP * 500),
            resources=b"/Font<<" + b"".join(b"/F%d 6 0 R" % i for i in range(500)) + b">>",
        ).replace(b"/Font<</F1 4 0 R>>", b""),
        "takes more work than its size allows",
    ),
    "fonts of a form": (
        lambda: pdf(
            stream(b"/X Do " * 90),
            SLOW_FONT,
            stream(CMAP * 500),
            stream(b"BT ET", FORM + b"/Resources<</Font<<" + b"".join(b"/F%d 6 0 R" % i for i in range(9)) + b">>>>"),
            resources=b"/XObject<</X 8 0 R>>",
        ),
        "takes more work than its size allows",
    ),
    "operators of a form": (
        lambda: pdf(stream(b"/X Do " * 90), stream(b"BT (x) Tj ET " * 5_000, FORM), resources=FONTS),
        "takes more work than its size allows",
    ),
    "forms in forms": (
        lambda: pdf(
            stream(b"/X Do " * 9),
            *(stream(b"/X Do " * 50, FORM + b"/Resources<</XObject<</X %d 0 R>>>>" % i) for i in (7, 8, 6)),
            resources=FONTS,
        ),
        "holds no text",
    ),
    "a form in itself": (
        lambda: pdf(stream(b"/X Do"), stream(b"/X Do", FORM + b"/Resources<</XObject<</X 6 0 R>>>>"), resources=FONTS),
        "holds no text",
    ),
    "pages in pages": (
        lambda: pdf(stream(b""), kids=b"<</Type/Pages/Count 9/Kids[2 0 R 2 0 R]>>"),
        "cannot be read as PDF",
    ),
    "arrays in arrays": (lambda: pdf(stream(b"[" * 100_000)), "cannot be read as PDF"),
    "damage": (lambda: pdf(text(b"(x) Tj"))[:300], "is cut off, or no PDF"),
    "anything": (lambda: b"%PDF-1.7\n" + bytes(range(256)) * 100 + b"startxref 9 %%EOF", "cannot be read as PDF"),
    "nothing": (lambda: b"startxref\n" * 100_000, "is cut off, or no PDF"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_file_that_was_made_to_do_harm_is_one_fault_soon(
    write: Write, bomb: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make, problem = BOMBS[bomb]
    path = write("a.pdf", make())
    small = Bounds(stream=12 * 10**6, steps=20_000)

    reader = read_document if problem == "holds no text" else partial(read_pdf, bounds=small)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # else what the library says would not be heard

    with pytest.raises(FileFaults, match=problem) as caught:
        list(reader(path))
    assert len(caught.value.faults) == 1
    assert len(str(caught.value)) < 300
    assert capfd.readouterr().err == ""


def test_the_library_is_left_as_it_was_while_others_hold_a_block(book: Path) -> None:
    before = pypdf.get_configuration()
    for _ in read_document(book):
        assert pypdf.get_configuration() is before
        assert logging.getLogger("pypdf").handlers == []


def test_characters_that_a_page_makes_of_few_bytes_are_bounded(write: Write) -> None:
    data = pdf(text(b"(" + b"a" * 1_000 + b") Tj"), SLOW_FONT, stream(CMAP)).replace(b"/F1 4 0 R", b"/F1 6 0 R")
    path = write("a.pdf", data)

    assert sum(len(block.text) for block in read_pdf(path, Bounds(text=100_000))) == 100_000
    with pytest.raises(FileFaults, match="page 1 has more than 99,999 characters"):
        list(read_pdf(path, Bounds(text=99_999)))


def test_text_of_a_form_is_read(write: Write) -> None:
    data = pdf(stream(b"/X Do"), stream(b"BT /F1 9 Tf (bell) Tj ET", FORM), resources=FONTS)

    assert told(read_document(write("a.pdf", data.replace(FORM, FORM + b"/Resources<</Font<</F1 4 0 R>>>>")))) == [
        "bell"
    ]
