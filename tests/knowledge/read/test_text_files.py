import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.knowledge.passage import Block
from roleplay.knowledge.read.blocks import LONGEST
from roleplay.knowledge.read.document import read_document
from roleplay.knowledge.read.markdown import read_markdown
from roleplay.knowledge.read.plain import read_plain
from roleplay.text import clean
from tests.knowledge.read.conftest import Write, told

Reader = Callable[[Path], Iterator[Block]]


def short(path: Path) -> list[str]:
    return told(read_document(path))


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("One line.", ["One line."]),
        ("The fog came\nin at nine.\n\nIt stayed.\n", ["The fog came\nin at nine.", "It stayed."]),
        ("第一章\n雾很大。\n钟响了。\n他说：“走。”\n", ["第一章", "雾很大。", "钟响了。", "他说：“走。”"]),
        ("\n\n  \n  a \n \t\nb\r\n", ["a", "b"]),
    ],
)
def test_plain_text_is_parted_as_its_lines_are_meant(write: Write, text: str, blocks: list[str]) -> None:
    assert short(write("a.txt", text)) == blocks


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_text_is_read_in_the_encoding_it_is_in(write: Write, codec: str) -> None:
    path = write("a.txt", "小声一点哦，学长。逗号刚睡着，就在你的椅子上。\n".encode(codec))

    assert short(path) == ["小声一点哦，学长。逗号刚睡着，就在你的椅子上。"]


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("# Fog\n\ntext", ["# Fog", "text"]),
        ("### Fog ###\ntext\nmore", ["### Fog", "text\nmore"]),
        ("# C#\n#fog\n####### seven", ["# C#", "#fog\n####### seven"]),
        ("#\n##  ##\ntext", ["text"]),
        ("    # code\n", ["# code"]),
        ("Fog\n===\n\nBell\nrings\n---\ntext", ["# Fog", "## Bell\nrings", "text"]),
        ("- a\n---\n> q\n===", ["- a", "> q\n==="]),
        ("text\n***\nmore\n\n- - -\nend", ["text", "more", "end"]),
        ("- one\n- two\n  more\n1. three", ["- one", "- two\n  more", "1. three"]),
        ("a\n```py\n# no\n\n- x\n```\nb", ["a", "# no\n\n- x", "b"]),
        ("~~~\n```\n# no\n~~~~\n# yes", ["```\n# no", "# yes"]),
        ("```\n```x\n# no\n```\n# yes", ["```x\n# no", "# yes"]),
        ("text\n\n--\nmore", ["text", "--\nmore"]),
        ("```\n# never closed", ["# never closed"]),
        ("`` `a` ``\n# yes", ["`` `a` ``", "# yes"]),
        ("---\ntitle: Fog\n---\n# Bell", ["# Bell"]),
        ("---\n\ntext\n\n---\nmore", ["text", "more"]),
        ("---\ntitle: never closed", ["title: never closed"]),
        ("| a | b |\n|---|---|\n| 1 | 2 |", ["| a | b |\n|---|---|\n| 1 | 2 |"]),
        ("# " + "long " * 50, ["long " * 49 + "long"]),
    ],
)
def test_markdown_is_parted_by_its_marks(write: Write, text: str, blocks: list[str]) -> None:
    assert short(write("a.md", text)) == blocks


def test_a_block_tells_the_line_it_begins_on(write: Write) -> None:
    blocks = read_document(write("a.md", "---\na: 1\n---\n\n# Fog\n\n\n  text\nmore\n```\n\ncode\n```\n"))

    assert [(block.line, block.text) for block in blocks] == [(5, "Fog"), (8, "text\nmore"), (12, "code")]


LINES = st.lists(
    st.one_of(
        st.sampled_from(
            ["", "  ", "---", "===", "```", "~~~ x", "# Fog #", "##", "- a", "| b |", "a: 1", "  雾。", "x\t"]
        ),
        st.text(st.characters(exclude_categories=[]), max_size=12),
    ),
    max_size=30,
)


@given(LINES, st.sampled_from([read_plain, read_markdown]), st.sampled_from(["\n", "\r\n", "\r"]))
def test_blocks_are_slices_of_the_document_as_read(write: Write, lines: list[str], reader: Reader, end: str) -> None:
    path = write("a", end.join(lines).encode(errors="replace").replace(b"\0", b""))
    document = clean(path.read_bytes().decode("utf-8-sig"))
    last = 0
    for block in reader(path):
        assert document[block.start : block.start + len(block.text)] == block.text
        assert block.text == block.text.strip()
        assert block.start >= last
        assert block.line == document.count("\n", 0, block.start) + 1
        last = block.start + len(block.text)


@pytest.mark.parametrize("name", ["a.txt", "a.md"])
@pytest.mark.parametrize("unit", ["word ", "雾很大。", "x", "short line\n"])
def test_what_is_too_long_comes_in_pieces_that_miss_nothing(write: Write, name: str, unit: str) -> None:
    text = unit * (200_000 // len(unit))
    blocks = list(read_document(write(name, text)))

    assert len(blocks) > 3
    assert all(0 < len(block.text) <= LONGEST for block in blocks)
    assert all(text[block.start :].startswith(block.text) for block in blocks)
    assert "".join("".join(block.text for block in blocks).split()) == "".join(text.split())
    assert all(block.line == text.count("\n", 0, block.start) + 1 for block in blocks)


def test_pieces_end_with_words_and_sentences(write: Write) -> None:
    text = "harbours 雾很大。" * 12_000

    assert {block.text[-1] for block in read_document(write("a.txt", text))} <= set("s。")


@pytest.mark.parametrize("name", ["a.txt", "a.md"])
@pytest.mark.parametrize("unit", [b"word ", b" ", b"The bell rings. " * 400 + b"\n# at nine\n\n"])
def test_a_long_file_is_never_in_memory(write: Write, name: str, unit: bytes) -> None:
    path = write(name, unit * (4_000_000 // len(unit)) + b"\nend")
    tracemalloc.start()
    last = [block for block in read_document(path) if block.text.endswith("end")]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert len(last) == 1
    assert peak < 3e6


def test_signs_that_steer_a_terminal_are_not_in_any_block(write: Write) -> None:
    assert short(write("a.md", "# F\x1b]0;og\n\nb\u202eell\u2028\n")) == ["# F]0;og", "bell"]
