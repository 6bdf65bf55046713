import base64
import contextlib
import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from roleplay.cards.tavern.open import DRAWN, open_tavern
from roleplay.cards.tavern.png import MOST, read_png, write_png
from roleplay.errors import FileFaults


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (3, 2), (200, 30, 90)).save(out, "PNG")
    return out.getvalue()


def carded(*chunks: bytes) -> bytes:
    end = chunk(b"IEND", b"")
    return picture().removesuffix(end) + b"".join(chunks) + end


def text(keyword: bytes, value: Any) -> bytes:
    return chunk(b"tEXt", keyword + b"\0" + base64.b64encode(json.dumps(value).encode()))


def test_both_cards_are_written_before_the_end_and_the_picture_is_kept() -> None:
    first = write_png(picture(), {"chara": b"one", "ccv3": b"two"}, "f")
    second = write_png(first, {"chara": b"three", "note": b"four"}, "f")
    assert second.endswith(chunk(b"tEXt", b"chara\0three") + chunk(b"tEXt", b"note\0four") + chunk(b"IEND", b""))
    assert read_png(first, "f").texts == (("ccv3", b"two"), ("chara", b"one"))
    assert read_png(second, "f").texts == (("chara", b"three"),)
    assert read_png(second, "f").marks == {"note"}
    assert read_png(first, "f").picture == picture()
    with Image.open(io.BytesIO(second)) as shown:
        assert shown.getpixel((0, 0)) == (200, 30, 90)


@pytest.mark.parametrize(
    ("chunks", "name"),
    [
        ([text(b"chara", {"name": "one"})], "one"),
        ([text(b"CHARA", {"name": "one"}), text(b"CcV3", {"name": "two"})], "two"),
        ([text(b"chara", {"name": "one"}), text(b"chara", {"name": "two"})], "one"),
        ([chunk(b"tEXt", b"ccv3\0!!!"), text(b"chara", {"name": "one"})], "one"),
        ([chunk(b"tEXt", b"chara\0" + base64.b64encode(b"{")), text(b"chara", {"name": "two"})], "two"),
        ([chunk(b"zTXt", b"chara\0\0" + zlib.compress(base64.b64encode(b'{"name": "one"}')))], "one"),
        ([chunk(b"iTXt", b"chara\0\0\0\0\0" + base64.b64encode(b'{"name": "one"}'))], "one"),
        ([chunk(b"iTXt", b"chara\0\1\0en\0\0" + zlib.compress(base64.b64encode(b'{"name": "one"}')))], "one"),
    ],
)
def test_the_best_card_that_can_be_read_is_taken(chunks: list[bytes], name: str, tmp_path: Path) -> None:
    (tmp_path / "card.png").write_bytes(carded(*chunks) + b"what a host adds")
    opened = open_tavern(tmp_path / "card.png")
    assert opened.value == {"name": name}
    assert opened.picture == picture()


def test_a_picture_that_stands_for_none_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "card.png").write_bytes(write_png(picture(), {DRAWN: b"1", "chara": base64.b64encode(b"{}")}, "f"))
    assert open_tavern(tmp_path / "card.png").picture is None


GOOD = carded(text(b"chara", {"name": "one"}))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (picture(), "is a picture without a card"),
        (GOOD[:-1], "is cut off: at byte"),
        (GOOD[:60], "is cut off or damaged: chunk 'IDAT' at byte 33 claims"),
        (GOOD[:8], "is cut off: at byte 8"),
        (GOOD.replace(b"chara", b"charb", 1), "chunk 'tEXt' at byte .* has a wrong checksum"),
        (GOOD[:8] + struct.pack(">I", 2**31) + GOOD[12:], "chunk 'IHDR' at byte 8 claims 2,147,483,648 bytes"),
        (GOOD[:8] + GOOD[33:], "is no picture: it begins with chunk 'IDAT'"),
        (carded(chunk(b"tEXt", b"chara\0" + b"A" * (MOST + 1))), "more than 5,242,880 bytes in chunk 'chara'"),
        (carded(chunk(b"zTXt", b"chara\0\0" + zlib.compress(b"A" * (MOST + 1)))), "more than 5,242,880 bytes"),
        (carded(chunk(b"zTXt", b"chara\0\0nonsense")), "the packed chunk 'chara' cannot be unpacked"),
        (carded(chunk(b"tEXt", b"chara")), "chara: is not valid JSON"),
        (carded(chunk(b"tEXt", b"chara\0abcde")), "chara: is not base64"),
        (carded(chunk(b"tEXt", b"chara\0" + base64.b64encode(b"\xff"))), "chara: is not UTF-8: byte 0xff at 0"),
    ],
)
def test_a_damaged_picture_is_one_error(data: bytes, problem: str, tmp_path: Path) -> None:
    (tmp_path / "card.png").write_bytes(data)
    with pytest.raises(FileFaults, match=problem) as caught:
        open_tavern(tmp_path / "card.png")
    assert len(caught.value.faults) == 1


def test_a_card_too_large_to_be_read_again_is_not_written() -> None:
    with pytest.raises(FileFaults, match="of which 5,242,880 can be read; export it as charx or json"):
        write_png(picture(), {"chara": b"A" * (MOST + 1)}, "f")


@given(st.binary(max_size=64), st.integers(0, len(GOOD)), st.integers(0, 20))
def test_any_bytes_are_a_picture_or_one_error(noise: bytes, at: int, gone: int) -> None:
    with contextlib.suppress(FileFaults):
        read_png(GOOD[:at] + noise + GOOD[at + gone :], "f")
