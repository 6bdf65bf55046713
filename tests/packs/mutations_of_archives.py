"""Archives that lie: in every field of their headers, about their sizes, and about where their files lie."""

import re
import struct
from collections.abc import Callable
from random import Random

from tests.packs.parts import OWN, Case
from tests.packs.zips import DEFLATED, STORED, Item, Zip

_LINE = b"PK\1\2"
_END = b"PK\5\6"
_SIGN = "is no archive|cut off|something b|lie in each other|holds '|which is a trap|announces|is damaged|unpacks to"
_TABLE = (
    f"{_SIGN}|has no roleplay/manifest|another size|is not in the manifest|leads elsewhere|differ in upper|'.*' twice"
)
_NUMBERS = (0, 1, 2, 7, 0x7F, 0xFF, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)


def _case(change: Callable[[Zip, Random], object], told: str, may_pass: bool = False) -> Case:
    """A change to the archive of a pack."""
    return Case(lambda parts, draw: parts.archive.append(lambda found: change(found, draw)), told, may_pass)


def _any(found: Zip, draw: Random) -> Item:
    return draw.choice(found.items or [Item(b"", b"")])


def _field(start: int, fmt: str, where: bytes) -> Callable[[Zip, Random], None]:
    """A number of one header, of those that begin with `where`, becomes another."""

    def change(found: Zip, draw: Random) -> None:
        value = draw.choice(_NUMBERS) & (0xFFFF if fmt == "<H" else 0xFFFFFFFF)
        which = draw.random()

        def damage(data: bytes) -> bytes:
            places = [found.start() for found in re.finditer(re.escape(where), data)]
            if not places:
                return data
            at = places[int(which * len(places))] + start
            return data[:at] + struct.pack(fmt, value) + data[at + struct.calcsize(fmt) :]

        found.damage.append(damage)

    return change


def _bytes(change: Callable[[bytes, Random], bytes]) -> Callable[[Zip, Random], None]:
    def apply(found: Zip, draw: Random) -> None:
        seed = draw.random()
        found.damage.append(lambda data: change(data, Random(seed)))

    return apply


def _noise(data: bytes, draw: Random) -> bytes:
    at = draw.randrange(len(data))
    return data[:at] + draw.randbytes(draw.choice((1, 1, 2, 8))) + data[at + draw.choice((1, 1, 2, 8)) :]


def _zip64(item: Item, draw: Random) -> None:
    numbers = [draw.choice((0, 1, 2**32, 2**63, 2**64 - 1)) for _ in range(draw.randrange(4))]
    item.extra = struct.pack(f"<2H{len(numbers)}Q", 1, 8 * len(numbers), *numbers)
    item.size = item.packed_size = 0xFFFFFFFF
    item.offset = draw.choice((None, 0xFFFFFFFF))


def _add(name: str | bytes, content: bytes = b"a", **more: object) -> Callable[[Zip, Random], None]:
    """A file that no manifest names."""
    raw = name.encode(errors="surrogatepass") if isinstance(name, str) else name
    return lambda found, draw: found.items.append(Item(raw, content, **more))  # type: ignore[arg-type]


def _set(name: str, value: object, first: bool = False) -> Callable[[Zip, Random], None]:
    return lambda found, draw: setattr(found.items[0] if first else _any(found, draw), name, value)


def _each(found: Zip, name: str, value: object) -> None:
    for item in found.items:
        setattr(item, name, value)


_FIELDS = [(4, "<H"), (6, "<H"), (8, "<H"), (10, "<H"), (12, "<H"), (14, "<L"), (16, "<L"), (18, "<L"), (20, "<L")]
_FIELDS += [(22, "<L"), (24, "<L"), (26, "<H"), (28, "<H"), (30, "<H"), (32, "<H"), (34, "<H"), (36, "<H"), (38, "<L")]

ARCHIVES = {
    "line of the table": tuple(
        _case(_field(at, fmt, _LINE), _TABLE, True) for at, fmt in [*_FIELDS[:6], *_FIELDS[6:], (42, "<L")]
    ),
    "local header": tuple(_case(_field(at, fmt, b"PK\3\4"), _TABLE, True) for at, fmt in _FIELDS[:14]),
    "end record": (
        *(_case(_field(at, "<H", _END), _TABLE, True) for at in (4, 6, 8, 10, 20)),
        *(_case(_field(at, "<L", _END), _TABLE, True) for at in (12, 16)),
        _case(_set("again", 2), "lie in each other"),
        _case(_set("again", 30_000), "announces"),
        _case(lambda found, draw: setattr(found, "count", 100_000), "announces"),
        _case(lambda found, draw: setattr(found, "locator", b"PK\6\7" + bytes(16)), "announces"),
        _case(
            lambda found, draw: setattr(found, "locator", b"PK\6\6" + bytes(52) + b"PK\6\7" + bytes(16)), "announces"
        ),
    ),
    "whole file": (
        _case(_bytes(lambda data, draw: data[: draw.randrange(len(data))]), "cut off|is no pack at"),
        _case(_bytes(lambda data, draw: data[: -draw.randrange(1, 23)]), "cut off"),
        _case(_bytes(lambda data, draw: data + draw.randbytes(draw.randrange(1, 99))), "cut off"),
        _case(_bytes(lambda data, draw: data + data), "before its beginning"),
        _case(_bytes(lambda data, draw: b"MZ" + data), "before its beginning"),
        _case(lambda found, draw: setattr(found, "before", b"#!/bin/sh\n"), "before its beginning"),
        _case(lambda found, draw: setattr(found, "between", b"hidden"), "between its files"),
        _case(lambda found, draw: setattr(found, "comment", b"\x1b]52;c;x\x07"), "cut off"),
        _case(lambda found, draw: setattr(found, "comment", _END + bytes(18)), _SIGN + "|has no roleplay/manifest"),
        _case(lambda found, draw: found.items.reverse(), "", False),
        _case(lambda found, draw: found.items.clear(), _TABLE),
        _case(_bytes(lambda data, draw: b""), "cut off"),
        *(_case(_bytes(_noise), f"{_TABLE}|hash differs", True) for _ in range(4)),
    ),
    "sizes": (
        _case(_add("assets/a.txt", bytes(10**7), method=DEFLATED), "which is a trap"),
        _case(lambda found, draw: found.items.extend(_small_bombs()), "which is a trap"),
        _case(_set("size", 1), "another size|lies|is damaged|is no archive"),
        _case(_set("size", 2**31), "which is a trap|unpacks to"),
        _case(_set("packed_size", 1), _SIGN),
        _case(_set("crc", 7), "Bad CRC-32"),
        _case(_set("offset", 0), "lie in each other", True),
        _case(_set("offset", 2**31), "lie in each other"),
        _case(lambda found, draw: _each(found, "offset", 0), "lie in each other"),
        _case(lambda found, draw: _zip64(_any(found, draw), draw), _SIGN),
        _case(_add("assets/a.txt", b"a" * 99, size=10, packed_size=10), _SIGN),
        _case(_add("assets/a.txt", b"a" * 99, size=9999), f"{_SIGN}|is not in the manifest"),
    ),
    "flags": (
        _case(_set("flags", 0x801), "locked"),
        _case(_set("flags", 0x808), "locked"),
        _case(_set("flags", 0x2000), "locked"),
        _case(_set("flags", 0x40), "locked"),
        _case(_set("method", 12), "locked or packed"),
        _case(_set("method", 14), "locked or packed"),
        _case(_set("method", 99), "locked or packed"),
        _case(_set("version", 90), "is no archive"),
        _case(_set("local_name", b"other"), _SIGN),
        _case(_set("local_name", b"\xff\xfe"), _SIGN),
        _case(_set("local_extra", b"12345678"), _SIGN),
        _case(_set("extra", struct.pack("<2H", 1, 40)), _SIGN),
        _case(_set("extra", b"\x75\x70\x09\x00\x01aaaaother"), _SIGN, True),
        _case(_set("comment", b"\x1b[2J" * 9), _SIGN, True),
    ),
    "names": (
        *(
            _case(_add(name), "leads elsewhere|is refused|which is a link|is no archive|lie in each other|too long")
            for name in (
                *("../up.png", "/etc/x.png", "a/../../b.png", "./a.png", "a//b.png", "a/", "C:/x.png", "c:x.png"),
                *("a\\..\\b.png", "\\\\host\\x.png", "a\0.png", "a\x1b[2J.png", "a\u202egnp.exe", "a\n.png", ""),
                *(
                    "con.png",
                    "a/NUL.txt",
                    "lpt1.json",
                    "a./b.png",
                    "a /b.png",
                    " a.png",
                    "a.png ",
                    "a?.png",
                    "~/x.png*",
                ),
                *(b"\xff\xfe.png", b"a\x80.png", "a" * 300 + ".png", "a/" * 40 + "a.png", "a/" * 30_000 + "a.png"),
                *("a" * 65_000, "\ud800.png", "a:stream.png", "\u200b.png", ".\u2028./a.png"),
            )
        ),
        _case(_add("CARD.json"), "differ in upper and lower case"),
        _case(_add("card.json"), "twice|lie in each other"),
        _case(_add("card.json/a.png"), "a file as folder"),
        _case(_add("ROLEPLAY/manifest.json"), "differ in upper and lower case"),
        _case(_add("a.png", b"/etc/passwd", mode=0o120777), "which is a link"),
        _case(_add("card2.json", b"/etc/passwd", mode=0o010644), "which is a link"),
        _case(_add("a.png", mode=0o020666), "which is a link"),
        _case(_set("mode", 0o104755), "", False),
        _case(_set("mode", 0), "", False),
        _case(lambda found, draw: found.items.extend(Item(b"%d.png" % i, b"") for i in range(3000)), "announces"),
        _case(
            lambda found, draw: found.items.extend(Item(b"%d.png" % i, b"") for i in range(1980)), "not in the manifest"
        ),
        _case(lambda found, draw: [setattr(item, "method", STORED) for item in found.items] and None, "", False),
    ),
    "files": tuple(
        Case(lambda parts, draw, name=name, content=content: parts.files.update({name: content}), told)  # type: ignore[misc]
        for name, content, told in (
            *((name, b"x", "do not travel|no such file") for name in (f"{OWN}run.py", "a.so", "evil.sh", "x.pyc")),
            *((f"roleplay/adapter/best/{name}", b"\x80\x02", "no such file") for name in ("adapter_model.bin", "x.pt")),
            *((f"roleplay/adapter/best/{name}", b"{}", "no such file") for name in ("tokenizer.json", "config.json")),
            *(
                (f"roleplay/{name}", b"{}", "no such file")
                for name in ("chat_template.jinja", "verdict.json", "a/b.txt")
            ),
            ("roleplay/adapter/last/adapter_model.safetensors", b"", "no such file"),
            ("roleplay/characters/other.yaml", b"schema: 1\n", "no such file"),
            ("roleplay/characters/other/a.yaml", b"[]\n", "no such file"),
            (f"{OWN}charx/a.png", b"x", "no such file"),
            (f"{OWN}CHARX/a.png", b"x", "no such file|upper and lower"),
            (f"{OWN}a/b/c/d/e.yaml", b"[]\n", "no such file"),
            (f"{OWN}.hidden.yaml", b"[]\n", "no such file"),
            ("chat_template.jinja", b"{{ x }}", "do not travel"),
            ("pytorch_model.bin", b"x", "do not travel"),
            ("assets/a.png", b"\x80\x04\x95evil", "a program, a pickle"),
            ("assets/a.png", b"\x7fELF", "a program, a pickle"),
            ("assets/a.png", b"#!/bin/sh", "a program, a pickle"),
            ("assets/nested.png", b"PK\3\4" + bytes(30), "a program, a pickle"),
            ("assets/nested.charx", b"PK\3\4" + bytes(30), "do not travel"),
            ("assets/a.png", b"\x89PNG\r\n\x1a\n", ""),
            ("assets/\u00e9/\u7ed3.txt", "\u7ed3".encode(), ""),
            ("assets/a.txt", b"", ""),
            ("assets/a.json", b'{"a": "\\u001b[2J"}', "control characters"),
            ("assets/a.json", b"[" * 9000, "nested|is not valid JSON"),
            ("assets/a.txt", b"\xff\xfe", "is not UTF-8"),
            ("assets/a.txt", "\u202eevil".encode(), "holds the control character"),
        )
    ),
}


def _small_bombs() -> list[Item]:
    """None is suspicious alone."""
    return [Item(b"assets/%d.txt" % i, bytes(2**20), DEFLATED) for i in range(17)]
