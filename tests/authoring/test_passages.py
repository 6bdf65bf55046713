"""Books in passages."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.authoring.passages import read_book, split_passages

EN = "CHAPTER ONE\n\nThe lock was shut. Nobody\ncame by.\n\nPell fed the goat. It ate\na glove.\n\nThen it rained.\n"
ZH = "第一章\n\n　　闸门关着。没有人来。\n　　佩尔喂了羊。“吃吧。”她说。\n　　后来下雨了，一直下到天亮。\n"


@given(st.text(alphabet="ab 甲。.\n\r\u3000”\x00", max_size=300), st.integers(1, 60))
def test_passages_hold_all_letters_in_order_and_keep_to_the_limit(book: str, limit: int) -> None:
    passages = split_passages(book, limit)
    at = 0
    for passage in passages:
        assert at <= passage.start < passage.end
        assert passage.end - passage.start <= limit
        assert not any(char.isalnum() for char in book[at : passage.start])
        at = passage.end
    assert not any(char.isalnum() for char in book[at:])
    assert "".join(c for p in passages for c in p.text if c.isalnum()) == "".join(c for c in book if c.isalnum())


@pytest.mark.parametrize(
    ("book", "limit", "expected"),
    [
        (
            EN,
            51,
            [
                "CHAPTER ONE\n\nThe lock was shut. Nobody\ncame by.",
                "Pell fed the goat. It ate\na glove.",
                "Then it rained.",
            ],
        ),
        (EN, 500, [EN.strip()]),
        (ZH, 29, ["第一章\n\n　　闸门关着。没有人来。", "佩尔喂了羊。“吃吧。”她说。", "后来下雨了，一直下到天亮。"]),
        ("一句话。" * 4, 10, ["一句话。一句话。", "一句话。一句话。"]),
        ("“走吧。”他说。“好。”", 10, ["“走吧。”他说。", "“好。”"]),
        ("x" * 25, 10, ["x" * 10, "x" * 10, "x" * 5]),
        ("\n\n* * *\n\n", 10, []),
    ],
)
def test_passages_end_with_paragraphs_then_sentences(book: str, limit: int, expected: list[str]) -> None:
    assert [passage.text for passage in split_passages(book, limit)] == expected


def test_offsets_count_the_characters_of_the_book_and_text_is_clean() -> None:
    book = "\r\n One.\x1b[1m\r\nTwo.\r\n"
    (passage,) = split_passages(book, 100)
    assert (passage.start, passage.end, passage.text) == (3, 17, "One.[1m\nTwo.")
    assert book[3:17] == "One.\x1b[1m\r\nTwo."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_book_is_read_in_the_encoding_it_has(tmp_path: Path, encoding: str) -> None:
    book = ZH * 20
    path = tmp_path / "book.txt"
    path.write_bytes(book.replace("\n", "\r\n").encode(encoding))
    assert read_book(path) == book
