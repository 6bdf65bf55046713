"""Text in a PNG: found in its chunks, taken out, put in before the end.

    89 PNG 0d 0a 1a 0a │ length (4) type (4) data (length) crc (4) │ … │ IEND

`tEXt` data is `keyword 00 text` in Latin-1, `zTXt` the same compressed, `iTXt` has UTF-8 behind two flags and two more
texts (PNG 1.2, 4.2.3).
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from roleplay.cards.tavern.refuse import refused
from roleplay.text import one_line

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST = 5 * 2**20
"""Largest text of a card in bytes, packed or not; other programs read no more either."""
CARDS = ("ccv3", "chara")
"""Keywords of a card, the better one first."""

_AGAIN = "get the file again from where it came"


@dataclass(frozen=True)
class Png:
    """A picture apart from its card."""

    picture: bytes
    """The file without the chunks of a card and without what follows its end."""
    texts: tuple[tuple[str, bytes], ...]
    """Keyword in lower case and text of every chunk of a card, the one to be used first."""
    marks: frozenset[str]
    """Keywords of the other text chunks."""


def read_png(data: bytes, file: str) -> Png:
    """Take a PNG apart. Raises FileFaults where a chunk is cut off, damaged or too large."""
    kept: list[bytes] = [SIGNATURE]
    texts: list[tuple[str, bytes]] = []
    marks: set[str] = set()
    for kind, body in _chunks(data, file):
        keyword = body.partition(b"\0")[0].decode("latin-1").lower() if kind in (b"tEXt", b"zTXt", b"iTXt") else ""
        if keyword in CARDS:
            texts.append((keyword, _text(kind, body, file)))
        else:
            kept.append(_chunk(kind, body))
            marks |= {keyword} if keyword else set()
    texts.sort(key=lambda text: CARDS.index(text[0]))
    return Png(b"".join(kept), tuple(texts), frozenset(marks))


def write_png(picture: bytes, texts: Mapping[str, bytes], file: str) -> bytes:
    """`picture` with a `tEXt` chunk for each of `texts` before its end; those of an older card go."""
    for keyword, text in texts.items():
        if len(text) > MOST:
            problem = f"would need {len(text):,} bytes for the card in chunk '{keyword}', of which {MOST:,} can be read"
            raise refused(file, problem, "export it as charx or json")
    end = _chunk(b"IEND", b"")
    head = read_png(picture, file).picture.removesuffix(end)
    return head + b"".join(_chunk(b"tEXt", k.encode("latin-1") + b"\0" + text) for k, text in texts.items()) + end


def _chunks(data: bytes, file: str) -> Iterator[tuple[bytes, bytes]]:
    """Type and data of every chunk up to the end of the picture."""
    at, first = len(SIGNATURE), True
    while True:
        if at + 12 > len(data):
            raise refused(file, f"is cut off: at byte {at} a chunk or the end of the picture is missing", _AGAIN)
        length, kind = struct.unpack_from(">I4s", data, at)
        name = one_line(kind.decode("latin-1"))
        if at + 12 + length > len(data):
            problem = f"is cut off or damaged: chunk '{name}' at byte {at} claims {length:,} bytes"
            raise refused(file, problem, _AGAIN)
        body = data[at + 8 : at + 8 + length]
        if zlib.crc32(kind + body) != int.from_bytes(data[at + 8 + length : at + 12 + length]):
            raise refused(file, f"is damaged: chunk '{name}' at byte {at} has a wrong checksum", _AGAIN)
        if first and (kind != b"IHDR" or length != 13):
            raise refused(file, f"is no picture: it begins with chunk '{name}' of {length:,} bytes", _AGAIN)
        yield kind, body
        if kind == b"IEND":
            return
        first = False
        at += 12 + length


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _text(kind: bytes, body: bytes, file: str) -> bytes:
    """The text of a chunk, unpacked."""
    keyword, _, text = body.partition(b"\0")
    packed = kind == b"zTXt"
    if packed:
        text = text[1:]
    elif kind == b"iTXt":
        packed = text[:1] == b"\1"
        text = text[2:].split(b"\0", 2)[-1]
    if packed:
        unpacker = zlib.decompressobj()
        try:
            text = unpacker.decompress(text, MOST + 1)
        except zlib.error as error:
            name = one_line(keyword.decode("latin-1"))
            raise refused(
                file, f"is damaged: the packed chunk '{name}' cannot be unpacked ({error})", _AGAIN
            ) from error
    if len(text) > MOST:
        problem = f"holds a card of more than {MOST:,} bytes in chunk '{one_line(keyword.decode('latin-1'))}'"
        raise refused(file, problem, "ask its maker for a .charx, which has no such limit")
    return text
