import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from roleplay.errors import FileFaults
from roleplay.strictyaml import Document, dotted, parse
from roleplay.text import clean


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Document]:
    monkeypatch.chdir(tmp_path)

    def run(content: str | bytes, *, typed: bool = True) -> Document:
        path = tmp_path / "a.yaml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return parse(path, typed=typed)

    return run


Read = Callable[..., Document]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("No", "No"),
        ("2026-07-31", "2026-07-31"),
        ("12:30:45", "12:30:45"),
        ("5e-5", 5e-5),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("-1.25", -1.25),
        ("7", 7),
        ("+7", 7),
        ("1_000", 1000),
        ("017", 17),
        ("0x10", "0x10"),
        ("1.2.3", "1.2.3"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("'5'", "5"),
        ('"true"', "true"),
        ("|-\n  5", "5"),
        ("9" * 40, "9" * 40),
        ("'null'", "null"),
        ("!!python/object/apply:os.system [ls]", ["ls"]),
    ],
)
def test_scalars_mean_what_a_person_meant(read: Read, written: str, value: Any) -> None:
    found = read(f"key: {written}\n").value["key"]

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("written", ["on", "5e-5", "7", "true", "null", "~", "2026-07-31"])
def test_every_scalar_stays_text_where_no_types_are_wanted(read: Read, written: str) -> None:
    assert read(f"- {written}", typed=False).value == [written]


def test_every_key_and_entry_has_its_line(read: Read) -> None:
    document = read("# comment\na: 1\nb:\n  - x\n  - c: |\n      long\n      text\n    d: 2\n")

    assert document.file == "a.yaml"
    assert document.lines == {
        (): 2,
        ("a",): 2,
        ("b",): 3,
        ("b", 0): 4,
        ("b", 1): 5,
        ("b", 1, "c"): 5,
        ("b", 1, "d"): 8,
    }
    assert document.line(("b", 1, "missing", "deeper")) == 5
    assert document.line(("nowhere",)) == 2


def test_an_empty_file_is_nothing_and_has_no_lines(read: Read) -> None:
    document = read("# only a comment\n")

    assert document.value is None
    assert document.line(("a",)) is None


def test_a_byte_order_mark_is_skipped(read: Read) -> None:
    assert read(b"\xef\xbb\xbfa: 1\n").value == {"a": 1}


@pytest.mark.parametrize(
    ("content", "messages"),
    [
        (
            "a: &x 1\nb: *x\n",
            ["a.yaml:1: uses a YAML alias or anchor ('x')", "a.yaml:2: uses a YAML alias or anchor ('x')"],
        ),
        (
            "a: 1\nb: 2\na: 3\nc: {d: 1, d: 2}\n",
            ["a.yaml:3: a: is given twice (first in line 1)", "a.yaml:4: c.d: is given twice (first in line 4)"],
        ),
        ("? [a, b]\n: 1\n", ["a.yaml:1: has a key that is not text"]),
        ("a: 1\nb: [1, 2\n", ["a.yaml:3: is not valid YAML: "]),
        ("a: b: c\n", ["a.yaml:1: is not valid YAML: mapping values are not allowed here"]),
        ("a: 1\n---\nb: 2\n", ["a.yaml:2: is not valid YAML: but found another document"]),
        ("a: 1\nb: \x1b[31m\n", ["a.yaml:2: holds the control character U+001B"]),
        ("a: 1\nb: \x9b31m\n", ["a.yaml:2: holds the control character U+009B"]),
        (b"a: 1\nb: \xff\n", ["a.yaml:2: is not UTF-8: byte 0xff at offset 8"]),
        (b"\xef\xbb\xbfa: 1\nb: \xff\n", ["a.yaml:2: is not UTF-8: byte 0xff at offset 11"]),
        ("a: 1".encode("utf-16"), ["a.yaml:1: is not UTF-8: byte 0xff at offset 0"]),
    ],
)
def test_what_is_refused_is_told_with_its_line(read: Read, content: str | bytes, messages: list[str]) -> None:
    with pytest.raises(FileFaults) as caught:
        read(content)

    told = str(caught.value).splitlines()
    assert len(told) == len(messages)
    for line, message in zip(told, messages, strict=True):
        assert line.startswith(message)


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(FileFaults, match=r"absent\.yaml: cannot be read: No such file"):
        parse(tmp_path / "absent.yaml")
    with pytest.raises(FileFaults, match="cannot be read: Is a directory"):
        parse(tmp_path)


@pytest.mark.parametrize(
    "content",
    ["[" * 50_000, "- " * 50_000, "a: " + "{b: " * 20_000, "[\n" * 50_000],
    ids=["flow lists", "block lists", "mappings", "lines"],
)
def test_deep_nesting_is_refused_before_it_can_take_minutes(read: Read, content: str) -> None:
    start = time.process_time()

    with pytest.raises(FileFaults, match="is nested more than 32 deep; flatten it"):
        read(content)

    assert time.process_time() - start < 5


def test_nesting_that_a_person_could_write_is_read(read: Read) -> None:
    value = read("[" * 32 + "]" * 32).value

    for _ in range(31):
        (value,) = value
    assert value == []
    with pytest.raises(FileFaults, match=r"a\.yaml:1: is nested more than 32 deep"):
        read("[" * 33 + "]" * 33)


def test_keys_in_messages_cannot_steer_a_terminal(read: Read) -> None:
    with pytest.raises(FileFaults) as caught:
        read('"a\\e]0;x\\a\\nb": 1\n"a\\e]0;x\\a\\nb": 2\n')

    assert str(caught.value) == "a.yaml:2: a]0;x b: is given twice (first in line 1); keep one of the two"


def test_keys_are_written_with_dots_and_brackets() -> None:
    assert dotted(()) == ""
    assert dotted(("prefixes", 1, "text")) == "prefixes[1].text"
    assert dotted((0, 2)) == "[0][2]"


# PyYAML leaves 1e5 without quotes: in YAML 1.1 it is text.
WORDS = st.text("abcdefghij: -#'\"|>{}[]\n,?!&*%@`~0123456789.eE+_", max_size=12).filter(
    lambda word: not re.fullmatch(r"[-+]?[0-9._]+([eE][-+]?[0-9]+)?", word)
)
TREES = st.recursive(
    WORDS | st.integers(-(10**9), 10**9) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(tree=st.dictionaries(WORDS, TREES, max_size=4))
def test_what_pyyaml_writes_is_read_back(tmp_path: Path, tree: dict[str, Any]) -> None:
    path = tmp_path / "tree.yaml"
    path.write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8")

    assert parse(path).value == tree


@given(content=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_whatever_the_bytes_the_file_is_read_or_faults_are_told_that_are_safe_to_print(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "any.yaml"
    path.write_bytes(content)

    told = ""
    try:
        parse(path)
    except FileFaults as error:
        told = str(error)
    assert told == clean(told)
