"""Zip archives of strangers: bounds first, content only as far as it was announced."""

import contextlib
import os
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from roleplay.errors import FileFaults
from roleplay.knowledge.read.refused import AGAIN, SMALLER, refused
from roleplay.text import one_line

_BLOCK = 2**16
_END, _END_SIZE = b"PK\x05\x06", 22
_LOCATOR, _LOCATOR_SIZE = b"PK\x06\x07", 20
_MOST_COMMENT = 2**16


@dataclass(frozen=True)
class Bounds:
    """What an archive may hold."""

    files: int = 10_000
    """Most entries."""
    directory: int = 4 * 2**20
    """Most bytes of its table of contents."""
    unpacked: int = 256 * 2**20
    """Most bytes of all entries, unpacked."""
    squeezed: int = 200
    """An entry of more than a megabyte that unpacks to so many times its size was made to do harm."""


class Archive:
    """An open archive within its bounds; what is not asked for is never unpacked."""

    def __init__(self, path: Path, file: zipfile.ZipFile, left: int) -> None:
        self._path, self._file, self._left = path, file, left
        self._names = set(file.namelist())

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def pieces(self, name: str) -> Iterator[bytes]:
        """The content of an entry, piece by piece. Raises FileFaults for what is missing or damaged."""
        if name not in self:
            raise refused(self._path, f"has no '{one_line(name)}' in it")
        with damage_told(self._path), self._file.open(name) as packed:
            while block := packed.read(_BLOCK):
                self._left -= len(block)
                if self._left < 0:
                    raise refused(self._path, "unpacks to more than it announced")
                yield block

    def read(self, name: str, most: int) -> bytes:
        """A small entry as a whole."""
        data = bytearray()
        for piece in self.pieces(name):
            data += piece
            if len(data) > most:
                raise refused(self._path, f"has more than {most:,} bytes in '{one_line(name)}'", SMALLER)
        return bytes(data)


@contextlib.contextmanager
def open_archive(path: Path, bounds: Bounds) -> Iterator[Archive]:
    """Open an archive. Raises FileFaults for what is none, or was made to do harm."""
    with path.open("rb") as raw:
        _check_directory(path, raw, bounds)
        with damage_told(path):
            file = zipfile.ZipFile(raw)
        with file:
            _check_entries(path, file.infolist(), bounds)
            yield Archive(path, file, bounds.unpacked)


@contextlib.contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """Turn what `zipfile` says of a damaged archive into one clear error."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise refused(path, f"cannot be unpacked ({one_line(str(error))})") from error


def _check_directory(path: Path, file: BinaryIO, bounds: Bounds) -> None:
    """The size of the table of contents, found as `zipfile` finds it, which would read all of it at once."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _END_SIZE - _MOST_COMMENT - _LOCATOR_SIZE))
    tail = file.read()
    at = len(tail) - _END_SIZE
    if tail[at:][:4] != _END or tail[-2:] != b"\0\0":
        at = tail.rfind(_END, max(0, len(tail) - _END_SIZE - _MOST_COMMENT))
    if at < 0:
        raise refused(path, "is cut off, or no archive", AGAIN)
    directory = int.from_bytes(tail[at + 12 : at + 16], "little")
    if directory > bounds.directory or tail[max(0, at - _LOCATOR_SIZE) : at].startswith(_LOCATOR):
        raise _trap(path, f"a table of contents of {directory:,} bytes or more; {bounds.directory:,} are read")


def _check_entries(path: Path, entries: list[zipfile.ZipInfo], bounds: Bounds) -> None:
    if len(entries) > bounds.files:
        raise _trap(path, f"{len(entries):,} files; {bounds.files:,} are read")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > bounds.unpacked:
        raise _trap(path, f"{unpacked:,} bytes unpacked; {bounds.unpacked:,} are read")
    for entry in entries:
        if entry.file_size > max(2**20, bounds.squeezed * entry.compress_size):
            raise _trap(path, f"{entry.file_size:,} bytes for '{one_line(entry.filename)}' in {entry.compress_size:,}")


def _trap(path: Path, what: str) -> FileFaults:
    return refused(path, f"announces {what}", "take it for a trap, or unpack it and name the files in it")
