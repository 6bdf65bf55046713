"""A pack as it comes, a file or a folder: names and sizes first, content only as far as it was announced."""

import contextlib
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from roleplay.errors import PackError
from roleplay.paths import shown
from roleplay.text import one_line

MOST_BYTES = 3 * 2**30
"""Largest sum of all files, unpacked."""
MOST_FILES = 2000
_MOST_DIRECTORY = 2**20
"""Largest table of contents of an archive, in bytes."""
_MOST_SQUEEZED = 200
"""A file of more than a megabyte that unpacks to this many times its size was made to fill a disk."""
_MOST_SQUEEZED_ALL = 50
"""The same for a whole archive of more than 16 megabytes, which may be made of many small files."""
_LONGEST = 400
_DEEPEST = 16
_END = b"PK\x05\x06"
_END_SIZE = 22
_LOCATOR = b"PK\x06\x07"
_LOCATOR_SIZE = 20
_AGAIN = "get it again from where it came"
BESIDE = ("README.md", ".gitattributes", ".gitignore")
"""Files that may lie beside a pack in a folder, as repositories have them."""


class Source(Protocol):
    """What lies in a pack; nothing of it is believed yet."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """Announced bytes by path, in the order of the archive."""

    def open(self, path: str) -> contextlib.AbstractContextManager[BinaryIO]:
        """The content of one file."""


@contextlib.contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a pack. Raises PackError for what is none, or was made to do harm."""
    source = shown(path)
    try:
        if path.is_dir():
            yield _checked(_Folder(path, _listed(path)), source)
        elif not path.is_file():
            raise PackError(f"there is no pack at {source}; give a .charx file or an unpacked pack")
        else:
            _check_end(path, source)
            with zipfile.ZipFile(path) as archive:
                yield _checked(_Archive(archive, _entries(archive, path.stat().st_size, source)), source)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError, RuntimeError) as error:
        raise PackError(f"{source} is no archive that can be unpacked ({one_line(str(error))}); {_AGAIN}") from error
    except OSError as error:
        raise PackError(f"{source} cannot be read: {error.strerror or one_line(str(error))}; check the file") from error


@dataclass(frozen=True)
class _Archive:
    archive: zipfile.ZipFile
    entries: Mapping[str, zipfile.ZipInfo]

    @property
    def sizes(self) -> Mapping[str, int]:
        return {name: entry.file_size for name, entry in self.entries.items()}

    @contextlib.contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        with self.archive.open(self.entries[path]) as file:
            yield file  # type: ignore[misc]  # a binary stream


@dataclass(frozen=True)
class _Folder:
    root: Path
    sizes: Mapping[str, int]

    @contextlib.contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        # What was a file when it was listed may be a link by now, or a pipe, which would keep us waiting.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        try:
            handle = os.open(self.root / path, flags)
        except OSError as error:
            raise PackError(f"'{one_line(path)}' cannot be read: {error.strerror}; {_AGAIN}") from error
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise PackError(f"'{one_line(path)}' is no file any more; {_AGAIN}")
            yield file


def _listed(root: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    seen = 0
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if Path(folder) != root or name not in (".git", ".cache"))
        for name in [*folders, *sorted(files)]:
            path = Path(folder) / name
            kind, relative = path.lstat(), path.relative_to(root).as_posix()
            if stat.S_ISDIR(kind.st_mode) or relative in BESIDE:
                continue
            if not stat.S_ISREG(kind.st_mode):
                raise PackError(f"{shown(root)} holds the link or device '{one_line(relative)}'; {_AGAIN}")
            found[relative] = kind.st_size
        seen += len(folders) + len(files)
        if seen > 2 * MOST_FILES:
            raise PackError(f"{shown(root)} holds {seen:,} files and folders or more; it is no pack")
    return found


def _check_end(path: Path, source: str) -> None:
    """The last record of an archive: a table of contents that cannot fill the memory, and nothing behind it.

    `zipfile` would read on from forged records for archives of more than 4 GB, which a pack never is.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _END_SIZE - _LOCATOR_SIZE))
        tail = file.read()
        if not tail[-_END_SIZE:].startswith(_END) or tail[-2:] != b"\0\0":
            raise PackError(f"{source} is cut off, has something behind its end, or is no archive; {_AGAIN}")
        end = tail[-_END_SIZE:]
        entries, length = int.from_bytes(end[10:12], "little"), int.from_bytes(end[12:16], "little")
        start = int.from_bytes(end[16:20], "little")
        file.seek(0)
        head = file.read(4)
    if entries > MOST_FILES or length > _MOST_DIRECTORY or tail[:-_END_SIZE].startswith(_LOCATOR):
        raise PackError(f"{source} announces {entries:,} files or more, and {MOST_FILES:,} are read; it is no pack")
    if head != b"PK\x03\x04" or start + length != size - _END_SIZE:
        raise PackError(f"{source} has something before its beginning or its table; {_AGAIN}")


def _entries(archive: zipfile.ZipFile, size: int, source: str) -> dict[str, zipfile.ZipInfo]:
    """Entries by name. Raises PackError for links, passwords, twins, and files that lie in each other."""
    found: dict[str, zipfile.ZipInfo] = {}
    at = 0
    for entry in sorted(archive.infolist(), key=lambda entry: entry.header_offset):
        name = one_line(entry.filename)
        kind = stat.S_IFMT(entry.external_attr >> 16)
        folder = entry.filename[-1:] in ("", "/")
        if entry.filename != entry.orig_filename or kind not in (0, stat.S_IFREG) or folder:
            raise PackError(f"{source} holds '{name}', which is a link, a folder, or has a name that lies; {_AGAIN}")
        if entry.flag_bits & ~0x0806 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise PackError(f"{source} holds '{name}' locked or packed in a way that packs are not; {_AGAIN}")
        if entry.header_offset != at:
            raise PackError(f"{source} holds files that lie in each other or gaps, at '{name}'; {_AGAIN}")
        if entry.file_size > max(2**20, _MOST_SQUEEZED * entry.compress_size):
            raise PackError(f"{source} announces {entry.file_size:,} bytes for '{name}', which is a trap; {_AGAIN}")
        at += 30 + len(entry.orig_filename.encode()) + len(entry.extra) + entry.compress_size
        if entry.filename in found:
            raise PackError(f"{source} holds '{name}' twice; {_AGAIN}")
        found[entry.filename] = entry
    if at != archive.start_dir or at > size:
        raise PackError(f"{source} holds something between its files; {_AGAIN}")
    whole = sum(entry.file_size for entry in found.values())
    if whole > max(2**24, _MOST_SQUEEZED_ALL * size):
        raise PackError(f"{source} announces {whole:,} bytes in a file of {size:,}, which is a trap; {_AGAIN}")
    return {entry.filename: entry for entry in archive.infolist()}


def _checked(found: _Archive | _Folder, source: str) -> Source:
    """What holds for both: bounds, and no two names that one system takes for the same."""
    for name in found.sizes:
        if len(name) > _LONGEST or name.count("/") > _DEEPEST:
            raise PackError(f"{source} holds the name '{one_line(name)}', which is too long; {_AGAIN}")
    names = [name.casefold() for name in found.sizes]
    if len(found.sizes) > MOST_FILES or sum(found.sizes.values()) > MOST_BYTES:
        raise PackError(
            f"{source} unpacks to {sum(found.sizes.values()):,} bytes in {len(names):,} files, more than a pack may "
            f"have ({MOST_BYTES:,} in {MOST_FILES:,}); {_AGAIN}"
        )
    folders = {"/".join(name.split("/")[:i]) for name in names for i in range(1, name.count("/") + 1)}
    if len(set(names)) < len(names) or folders & set(names):
        raise PackError(
            f"{source} holds names that differ in upper and lower case alone, or a file as folder; {_AGAIN}"
        )
    return found
