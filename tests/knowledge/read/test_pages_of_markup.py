import tracemalloc

import pytest

from roleplay.errors import FileFaults
from roleplay.knowledge.read import hypertext
from roleplay.knowledge.read.document import read_document
from roleplay.knowledge.read.hypertext import read_html
from tests.knowledge.read.conftest import Write, check_laid, read


@pytest.mark.parametrize(
    ("page", "blocks"),
    [
        ("<h1>The <b>fog</b></h1><h3>bell<br>rings</h3>text", ["# The fog", "### bell rings", "text"]),
        ("<p>One\n  line<p>two<br/>lines<br>three", ["One line", "two\nlines\nthree"]),
        ("<p>雾里的\n钟声。\n\n <i>The</i>\nbell", ["雾里的钟声。The bell"]),
        ("<div>a<div>b</div>c</div>", ["a", "b", "c"]),
        ("<ul><li>one<li>two<ul><li>three</ul></ul>", ["one", "two", "three"]),
        ("<blockquote>said</blockquote><pre> x\n  y\n</pre>z", ["said", "x\n  y", "z"]),
        ("<head><title>T</title></head><nav>menu</nav>a<script>b<i></script><style>c</style>", ["a"]),
        ("<template><p>a</p></template><svg><text>b</text></svg><ruby>鐘<rt>かね</rt></ruby>", ["鐘"]),
        ("<p>a<!-- hidden -->b &amp; &nbsp; &lt;c&gt; &unknown;", ["ab & <c> &unknown;"]),
        ("<p>a&#27;]0;b&#x202e;c", ["a]0;bc"]),
        ("<table><tr><th>Name<th>Age<tr><td>Yui<td>17<tr><td>Dot</table>", ["- Name: Yui; Age: 17", "- Name: Dot"]),
        ("<table><tr><td>Yui<td><p>1</p><p>7</p></table>", ["- Yui | 1\n7"]),
        (
            "<table><tr><td>a<td><h2>Page</h2><p>text</p><td>b<tr><td>c</table>",
            ["a", "## Page", "text", "b", "- c"],
        ),
        (
            "<table><tr><td>a<table><tr><th>k<tr><td>in</table>b<td>c<tr><td>d</table>",
            ["a", "- k: in", "b", "c", "- d"],
        ),
        ("<h2>" + "long " * 60 + "</h2>", ["long " * 59 + "long"]),
        ("<h1>never closed", ["# never closed"]),
    ],
)
def test_a_page_is_parted_by_its_elements(write: Write, page: str, blocks: list[str]) -> None:
    assert read(write("a.html", page)) == blocks


def test_the_declared_encoding_does_not_matter_nor_does_an_entity_of_its_own(write: Write) -> None:
    page = (
        '<?xml version="1.0" encoding="gbk"?><!DOCTYPE html [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
        '<html><head><meta charset="big5"/><title/></head><body><p>雾&a;</p><div/></body></html>'
    )

    assert "雾" in "".join(read(write("a.xhtml", page)))
    assert "root:" not in "".join(read(write("a.xhtml", page)))
    assert read(write("b.htm", "<p>小声一点哦，学长。逗号刚睡着。".encode("gb18030"))) == [
        "小声一点哦，学长。逗号刚睡着。"
    ]


def test_bytes_out_of_place_cost_no_more_than_themselves(write: Write) -> None:
    assert read(write("a.html", "<p>雾很大。".encode() * 9 + b"\xff<b>bell</b>")) == ["雾很大。"] * 8 + ["雾很大。bell"]


@pytest.mark.parametrize("where", ["<p>", "<pre>", "<h1>", "<table><tr><td>", "<table><tr><td>a<td>"])
def test_a_long_text_comes_in_pieces_wherever_it_stands(write: Write, where: str) -> None:
    blocks = list(read_document(write("a.html", where + "word " * 60_000)))

    check_laid(blocks)
    assert len(blocks) > 4
    assert sum(block.text.count("word") for block in blocks) >= 60_000 - len(blocks)  # parted inside one at most
    assert {block.kind for block in blocks} == {"paragraph"}


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        ("<div>" * 100_000, "nests elements more than 1,000 deep"),
        ("<i>x" * 100_000, "nests elements more than 1,000 deep"),
        ("<p>x</p>" * 1_001, "has more than 1,000 elements"),
        ("<p " + "a=1 " * 400_000, "has a tag or a comment of more than 1,000,000 characters"),
        ("<!--" * 400_000, "has a tag or a comment of more than 1,000,000 characters"),
        ("<td>" * 999, "holds no text"),
        ("<script>text</script>", "holds no text"),
    ],
)
def test_a_page_that_was_made_to_do_harm_is_one_fault(
    write: Write, monkeypatch: pytest.MonkeyPatch, page: str, problem: str
) -> None:
    monkeypatch.setattr(hypertext, "MOST_ELEMENTS", 1_000 if problem.startswith("has more") else 200_000)
    monkeypatch.setattr(hypertext, "_LONGEST_TAG", 1_000_000)
    path = write("a.html", page)

    with pytest.raises(FileFaults, match=problem) as caught:
        list(read_document(path))
    assert len(caught.value.faults) == 1


def test_a_row_of_too_many_cells_is_no_row(write: Write) -> None:
    blocks = read(write("a.html", "<table><tr>" + "<td>x" * 1_500))

    assert blocks == ["x"] * 1_500


def test_a_row_of_more_than_a_block_holds_is_no_row(write: Write) -> None:
    blocks = read(write("a.html", "<table><tr>" + ("<td>" + "word " * 1_000) * 20))

    assert blocks == [("word " * 1_000).strip()] * 20


def test_a_paragraph_without_end_is_never_in_memory(write: Write) -> None:
    path = write("a.html", "<p>" + "word " * 400_000)
    list(read_document(path))  # the library is there
    tracemalloc.start()
    count = sum(1 for _ in read_document(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert count > 30
    assert peak < 3e6


def test_a_page_that_is_too_large_is_not_opened(write: Write) -> None:
    with pytest.raises(FileFaults, match=r"has 30 bytes; 20 are read of a page"):
        list(read_html(write("a.html", "x" * 30), most=20))
