"""The SQLite file of what one character knows: opened, refused or made anew, written whole steps at a time."""

import contextlib
import sqlite3
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from roleplay.errors import NotFound, StorageError
from roleplay.paths import shown, storing
from roleplay.sqlite_file import PATIENCE, Run, transaction, write_ahead

_FORM = 1
"""Raised whenever the tables, the splitting or the words of the index change."""
VERSION = _FORM * 10_000 + int(unicodedata.unidata_version.replace(".", "")[:4])
"""Of the form and of Python's Unicode: words are taken out of the index as they were put in, or it is damaged."""

_APPLICATION = 0x524C504B
_SCHEMA = (
    "CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    "CREATE TABLE files (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, hash TEXT NOT NULL, "
    "size INTEGER NOT NULL, changed INTEGER NOT NULL, made TEXT NOT NULL, built REAL NOT NULL) STRICT",
    "CREATE TABLE passages (id INTEGER PRIMARY KEY, file INTEGER NOT NULL REFERENCES files (id), "
    "text TEXT NOT NULL, tokens INTEGER NOT NULL, headings TEXT NOT NULL, page INTEGER, line INTEGER, "
    "start INTEGER NOT NULL, end INTEGER NOT NULL, identity TEXT NOT NULL) STRICT",
    "CREATE INDEX passages_by_file ON passages (file)",
    "CREATE INDEX passages_by_identity ON passages (identity)",
    # Without its content, which the passages are; a word taken out is told to it (sqlite.org/fts5.html, 4.4.2).
    "CREATE VIRTUAL TABLE words USING fts5 (headings, text, content = '', "
    "tokenize = 'porter unicode61 remove_diacritics 0')",
    "CREATE TABLE vectors (embedder TEXT NOT NULL, identity TEXT NOT NULL, vector BLOB NOT NULL, "
    "PRIMARY KEY (embedder, identity)) STRICT",
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {VERSION}",
)


class Database:
    """The file; threads may share it, and so may programs."""

    def __init__(self, path: Path, *, write: bool = False) -> None:
        """Open the file; only `write` makes it, or makes it anew where it is of another version.

        Raises NotFound where there is none, StorageError for another version and for what is no such file.
        """
        self.path = path
        self._lock = threading.RLock()
        if not write and not path.is_file():
            raise self._nothing
        with self.failing(), storing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = self._opened()
            self._check(write)
            if write:
                write_ahead(self._connection)
                self._connection.execute("PRAGMA synchronous = FULL")
                self._create()
            else:
                self._connection.execute("PRAGMA query_only = ON")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """What a query finds. Raises StorageError."""
        return list(self.each(query, values))

    def each(self, query: str, values: Sequence[object] = ()) -> Iterator[tuple[Any, ...]]:
        """What a query finds, row by row. Raises StorageError."""
        with self.failing():
            yield from self._connection.execute(query, tuple(values))

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Run]:
        """Statements that take effect together or not at all; on disk when this ends. Raises StorageError."""
        with self.failing(), transaction(self._connection) as run:
            yield run

    @contextlib.contextmanager
    def failing(self) -> Iterator[None]:
        """Turn what SQLite cannot do into one clear error."""
        try:
            with self._lock:
                yield
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise StorageError(
                    f"{shown(self.path)} is damaged: {error}; remove it and build it again with '{self._command}'"
                ) from error
            raise StorageError(
                f"the knowledge in {shown(self.path)} cannot be read or written: {error}; make room, check its "
                "permissions, or point ROLEPLAY_HOME elsewhere; what was built before is kept"
            ) from error

    @property
    def _nothing(self) -> NotFound:
        return NotFound(f"nothing is built in {shown(self.path)}; build it with '{self._command}'")

    @property
    def _command(self) -> str:
        return f"roleplay knowledge build {self.path.stem}"

    def _opened(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)

    def _check(self, write: bool) -> None:
        """Refuse what is no index; one of another version is removed to be built anew."""
        application, version = self._pragma("application_id"), self._pragma("user_version")
        empty = not self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if (empty and write) or (application, version) == (_APPLICATION, VERSION):
            return
        self._connection.close()
        if empty:  # its first build was cut off before it began
            raise self._nothing
        if application != _APPLICATION:
            raise StorageError(f"{shown(self.path)} is no index of knowledge; move it away, then '{self._command}'")
        if not write:
            raise StorageError(
                f"{shown(self.path)} was built by another version of roleplay or Python ({version}, this one reads "
                f"{VERSION}); build it again with '{self._command}'"
            )
        _unlink(self.path)
        self._connection = self._opened()

    def _pragma(self, name: str) -> int:
        return int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])

    def _create(self) -> None:
        if self._pragma("user_version") == VERSION:
            return
        with self.transaction() as run:
            for statement in _SCHEMA:
                run(statement)


@contextlib.contextmanager
def building(path: Path) -> Iterator[None]:
    """Have an index for oneself while writing it. Raises StorageError at once if another process has it."""
    lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=0)
    with storing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout as error:
            raise StorageError(f"another process is building {shown(path)}; wait for it, or stop it") from error
    try:
        yield
    finally:
        lock.release()


def remove_index(path: Path) -> None:
    """Remove a character's whole index, of whatever version. Raises NotFound, StorageError."""
    if not path.is_file():
        raise NotFound(f"there is no {shown(path)} to remove")
    with building(path), storing(path):
        _unlink(path)


def _unlink(path: Path) -> None:
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)
