import contextlib
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.corpora import encoding
from roleplay.corpora.encoding import find_encoding, numbered_lines
from roleplay.errors import FileFaults
from tests.corpora.conftest import Write

CHINESE = '{"instruction": "请介绍一下你自己，你平时都喜欢做什么？", "output": "我喜欢看书。今天的天气很好。"}\n'


def text(path: Path) -> tuple[str, str]:
    found = find_encoding(path)
    with found.open(path) as file:
        return found.name, "".join(f"{line.text}\n" for line in numbered_lines(file))


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8 with a byte-order mark"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16-LE"),
        ("utf-16-be", "UTF-16-BE"),
        ("gb18030", "GB18030"),
        ("gbk", "GB18030"),
    ],
)
@pytest.mark.parametrize("count", [1, 3000])
def test_text_is_read_in_the_encoding_it_is_in(write: Write, codec: str, name: str, count: int) -> None:
    path = write("a.jsonl", (CHINESE * count).encode(codec))

    assert text(path) == (name, CHINESE * count)


def test_a_gb18030_file_is_known_where_the_first_megabytes_are_ascii(write: Write) -> None:
    path = write("a.jsonl", b'{"text": "plain"}\n' * 150_000 + CHINESE.encode("gb18030"))

    assert find_encoding(path).codec == "gb18030"


def test_damage_in_utf8_costs_the_line_it_is_in(write: Write) -> None:
    damaged = CHINESE.encode().replace("书".encode(), b"\xe4\xb9")
    path = write("a.jsonl", CHINESE.encode() * 3 + damaged + CHINESE.encode())
    found = find_encoding(path)

    assert found.codec == "utf-8"
    with found.open(path) as file:
        assert [found.broken(line.text or "") for line in numbered_lines(file)] == [False, False, False, True, False]


@pytest.mark.parametrize("content", [bytes(range(256)) * 40, "grün, schön, für Öl\n".encode("latin-1") * 9])
def test_what_is_none_of_them_is_one_fault(write: Write, content: bytes) -> None:
    path = write("a.jsonl", content)

    with pytest.raises(FileFaults, match=r"a\.jsonl: is neither UTF-8 nor UTF-16 nor GB18030: first strange byte at"):
        find_encoding(path)


@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
def test_every_kind_of_line_end_ends_a_line(write: Write, codec: str) -> None:
    path = write("a.txt", "a\r\nb\nc\r\rd\u2028e".encode(codec))

    with find_encoding(path).open(path) as file:
        found = [(line.number, line.text) for line in numbered_lines(file)]
    assert found == [(1, "a"), (2, "b"), (3, "c"), (4, ""), (5, "d\u2028e")]


def test_a_line_that_is_too_long_is_passed_over(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "LONGEST", 10)
    path = write("a.txt", "short\n" + "x" * 10 + "\n" + "x" * 11 + "\n" + "x" * 35 + "\nlast" + "y" * 20)

    with find_encoding(path).open(path) as file:
        found = [(line.number, line.text) for line in numbered_lines(file)]
    assert found == [(1, "short"), (2, "x" * 10), (3, None), (4, None), (5, None)]


def test_a_hundred_megabytes_on_one_line_are_never_in_memory(write: Write) -> None:
    path = write("a.jsonl", b'{"text": "x"}\n' + b"[" * 100_000_000 + b'\n{"text": "y"}\n')
    tracemalloc.start()
    with find_encoding(path).open(path) as file:
        found = [(line.number, line.text) for line in numbered_lines(file)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert found == [(1, '{"text": "x"}'), (2, None), (3, '{"text": "y"}')]
    assert peak < 60e6


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], max_codepoint=0xFFFF), max_size=200))
def test_utf8_is_never_taken_for_something_else(write: Write, content: str) -> None:
    path = write("a.txt", f"{content}\n".encode())

    assert find_encoding(path).codec in ("utf-8", "utf-8-sig")


@given(st.binary(max_size=400))
def test_bytes_are_read_or_refused(write: Write, content: bytes) -> None:
    with contextlib.suppress(FileFaults):
        text(write("a.txt", content))
