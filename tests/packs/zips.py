"""Archives written byte by byte, so that every field of them can lie."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

STORED, DEFLATED = 0, 8
FILE = 0o100644


@dataclass
class Item:
    """One file: what its local header says, and what the table says where that is something else."""

    name: bytes
    content: bytes
    method: int = STORED
    mode: int = FILE
    flags: int = 0x800
    extra: bytes = b""
    local_name: bytes | None = None
    local_extra: bytes | None = None
    crc: int | None = None
    size: int | None = None
    packed_size: int | None = None
    offset: int | None = None
    again: int = 1
    """Lines in the table."""
    version: int = 20
    comment: bytes = b""


@dataclass
class Zip:
    """The whole file; `None` stands for the truth."""

    items: list[Item] = field(default_factory=list)
    before: bytes = b""
    behind: bytes = b""
    between: bytes = b""
    comment: bytes = b""
    count: int | None = None
    table_size: int | None = None
    table_at: int | None = None
    locator: bytes = b""
    damage: list[Callable[[bytes], bytes]] = field(default_factory=list)
    """Done to the finished bytes, in this order."""

    def written(self) -> bytes:
        out, lines = bytearray(self.before), bytearray()
        for item in self.items:
            at = len(out)
            packed = _packed(item)
            sizes = (
                zlib.crc32(item.content) if item.crc is None else item.crc,
                len(packed) if item.packed_size is None else item.packed_size,
                len(item.content) if item.size is None else item.size,
            )
            name = item.name if item.local_name is None else item.local_name
            extra = item.extra if item.local_extra is None else item.local_extra
            told = (item.version, item.flags, item.method, 0, 33, *sizes)
            out += struct.pack("<4s5H3L2H", b"PK\3\4", *told, len(name), len(extra)) + name + extra + packed
            at = at if item.offset is None else item.offset
            lengths = (len(item.name), len(item.extra), len(item.comment), 0, 0, item.mode << 16, at)
            line = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20 | 3 << 8, *told, *lengths)
            lines += (line + item.name + item.extra + item.comment) * item.again
        out += self.between
        table_at = len(out) if self.table_at is None else self.table_at
        table_size = len(lines) if self.table_size is None else self.table_size
        count = sum(item.again for item in self.items) if self.count is None else self.count
        count = min(count, 0xFFFF)
        end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, table_size, table_at, len(self.comment))
        data = bytes(out + lines + self.locator) + end + self.comment + self.behind
        for damage in self.damage:
            data = damage(data)
        return data


def _packed(item: Item) -> bytes:
    if item.method != DEFLATED:
        return item.content
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return squeeze.compress(item.content) + squeeze.flush()
