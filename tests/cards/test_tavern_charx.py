import contextlib
import io
import json
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.cards.tavern.charx import read_charx, write_charx
from roleplay.cards.tavern.json_text import json_text, parse_json, same_json
from roleplay.cards.tavern.open import icon_of, open_tavern
from roleplay.errors import FileFaults
from tests.cards.tavern_values import JSON


def packed(*files: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # zipfile warns of names given twice
        for name, content in files:
            archive.writestr(name, content)
    return out.getvalue()


def test_an_archive_comes_back_and_bytes_may_precede_it(tmp_path: Path) -> None:
    files = {"assets/icon/main.png": b"a picture", "adapter/weights": b"\0\1"}
    data = write_charx(b'{"name": "one"}', files)
    assert data == write_charx(b'{"name": "one"}', dict(reversed(files.items())))
    (tmp_path / "card.charx").write_bytes(b"\xff\xd8 a picture of its own" + data)
    opened = open_tavern(tmp_path / "card.charx")
    assert (opened.value, opened.files) == ({"name": "one"}, files)


def lying() -> bytes:
    """An archive whose list of files says that a large one is small."""
    data = bytearray(packed(("card.json", b"{}"), ("big", b"A" * 1000)))
    at = data.rindex(b"PK\1\2")
    data[at + 24 : at + 28] = (3).to_bytes(4, "little")
    return bytes(data)


def locked() -> bytes:
    data = bytearray(packed(("card.json", b"{}")))
    for at in (data.index(b"PK\3\4") + 6, data.index(b"PK\1\2") + 8):
        data[at] |= 1
    return bytes(data)


def link() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        entry = zipfile.ZipInfo("card.json")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    return out.getvalue()


def named(value: object) -> str:
    """A name that every process of the tests finds alike: the bytes of an archive hold the time."""
    return "data" if isinstance(value, bytes) else str(value)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is no archive that can be unpacked"),
        (b"PK\3\4 and no more", "is no archive that can be unpacked"),
        (packed(("card.json", b"{}"))[:-30], "is no archive that can be unpacked"),
        (packed(("card/card.json", b"{}")), r"has no card.json at its root \(it holds card/card.json\)"),
        (packed(("card.json", b"{}"), ("card.json", b"[]")), "holds 'card.json' twice"),
        (packed(("card.json", b"{}"), ("a", b""), ("A", b"")), "holds 'A' twice"),
        (packed(("card.json", b"{}"), ("a/b", b""), ("A", b"")), "holds 'a' as a file and as a folder"),
        (packed(("card.json", b"{}"), ("../up", b"")), "whose name leads elsewhere: '../up'"),
        (packed(("card.json", b"{}"), ("/etc/passwd", b"")), "leads elsewhere: '/etc/passwd'"),
        (packed(("card.json", b"{}"), ("a\\..\\b", b"")), "leads elsewhere"),
        (packed(("card.json", b"{}"), ("C:b", b"")), "leads elsewhere: 'C:b'"),
        (packed(("card.json", b"{}"), ("a/\u202eb", b"")), "leads elsewhere: 'a/b'"),
        (packed(("card.json", b"{}"), ("a" * 300, b"")), "leads elsewhere"),
        (packed(("card.json", b"A" * (32 * 2**20 + 1))), "unpacks to more than 33,554,432 bytes at 'card.json'"),
        (packed(*((str(i), b"") for i in range(2001))), "holds 2,001 files; 2,000 are read"),
        (locked(), "is locked with a password"),
        (link(), "holds the link 'card.json'"),
        (lying(), "is no archive that can be unpacked"),
    ],
    ids=named,
)
def test_an_archive_that_lies_is_one_error(data: bytes, problem: str) -> None:
    with pytest.raises(FileFaults, match=problem) as caught:
        read_charx(data, "card.charx")
    assert len(caught.value.faults) == 1


@pytest.mark.parametrize(
    ("assets", "icon"),
    [
        ([], None),
        ("none", None),
        ([{"type": "icon", "uri": "ccdefault:", "name": "main"}], None),
        ([{"type": "icon", "uri": "embeded://b.png", "name": "b"}], "b.png"),
        ([{"type": "icon", "uri": "embedded://b.png"}, {"type": "icon", "uri": "embeded://a.png"}], "b.png"),
        (
            [{"type": "icon", "uri": "embeded://b.png"}, {"type": "icon", "uri": "embeded://a.png", "name": "main"}],
            "a.png",
        ),
        ([{"type": "icon", "uri": "embeded://../a.png"}, {"type": "emotion", "uri": "embeded://a.png"}, 5], None),
    ],
)
def test_the_picture_is_the_icon_that_is_there(assets: object, icon: str | None) -> None:
    assert icon_of({"assets": assets}, {"a.png": b"", "b.png": b""}) == icon


GOOD = packed(("card.json", json.dumps({"name": "one"}).encode()), ("a.png", b"abc" * 20))


@given(st.binary(max_size=32), st.integers(0, len(GOOD)), st.integers(0, 20))
def test_any_bytes_are_an_archive_or_one_error(noise: bytes, at: int, gone: int) -> None:
    with contextlib.suppress(FileFaults):
        read_charx(GOOD[:at] + noise + GOOD[at + gone :], "f")


@given(JSON)
def test_json_comes_back_with_every_kind_of_text(value: object) -> None:
    assert same_json(parse_json(json_text(value).encode(), "f"), value)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "f: is not valid JSON: Expecting value at line 1, column 1"),
        (b'{"a": 1,\n', "at line 2, column 1"),
        (b'{"a": NaN}', "holds NaN, which is no number in JSON"),
        (b"[1e999]", "holds the number 1e999, which is too large"),
        (b"[" + b"9" * 5000 + b"]", "holds a number of 5,000 digits"),
        (b"[" * 200 + b"]" * 200, "is nested more than 100 deep"),
        (b"[" * 200_000, "is nested more than 100 deep"),
        (b'{"a": "\xb9\xfa"}', "is not UTF-8: byte 0xb9 at 7"),
    ],
    ids=named,
)
def test_broken_json_is_one_error(data: bytes, problem: str) -> None:
    with pytest.raises(FileFaults, match=problem):
        parse_json(data, "f")


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-32-le"])
def test_json_may_be_in_any_unicode_encoding(codec: str) -> None:
    assert parse_json('{"a": "结"}'.encode(codec), "f") == {"a": "结"}
