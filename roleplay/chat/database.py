"""The SQLite file of all conversations: opened, brought to the newest version, written whole or not at all."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from roleplay.errors import StorageError
from roleplay.findable import spaced
from roleplay.paths import shown, storing
from roleplay.sqlite_file import PATIENCE, Run, transaction, write_ahead

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE chats (id INTEGER PRIMARY KEY, character TEXT NOT NULL, created REAL NOT NULL) STRICT",
        "CREATE TABLE turns (id INTEGER PRIMARY KEY, chat INTEGER NOT NULL REFERENCES chats (id) ON DELETE CASCADE, "
        "parent INTEGER REFERENCES turns (id) ON DELETE CASCADE, "
        "role TEXT NOT NULL CHECK (role IN ('user', 'assistant')), text TEXT NOT NULL, lane TEXT, "
        "prefixes TEXT NOT NULL, stopped TEXT, created REAL NOT NULL) STRICT",
        "CREATE INDEX turns_by_parent ON turns (chat, parent)",
    ),
    (
        "ALTER TABLE chats ADD COLUMN head INTEGER REFERENCES turns (id) ON DELETE SET NULL",
        "UPDATE chats SET head = (SELECT max(id) FROM turns WHERE turns.chat = chats.id)",
    ),
    (
        "CREATE TABLE cards (hash TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT",
        "ALTER TABLE chats ADD COLUMN card TEXT REFERENCES cards (hash)",
        "ALTER TABLE chats ADD COLUMN base TEXT",
        "ALTER TABLE chats ADD COLUMN adapter TEXT",
        "ALTER TABLE chats ADD COLUMN settings TEXT",
        "ALTER TABLE turns ADD COLUMN beside INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE turns ADD COLUMN taken INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE turns ADD COLUMN origin INTEGER REFERENCES turns (id) ON DELETE SET NULL",
        "ALTER TABLE turns ADD COLUMN drawn TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE turns ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0",
        # Until now only the base stood beside, and only of a character that answered itself.
        "UPDATE turns SET beside = 1 WHERE lane LIKE 'base%' AND EXISTS (SELECT 1 FROM turns AS other "
        "WHERE other.parent = turns.parent AND other.lane LIKE 'persona%') "
        "AND NOT EXISTS (SELECT 1 FROM turns AS next WHERE next.parent = turns.id) "
        "AND id NOT IN (SELECT head FROM chats WHERE head IS NOT NULL)",
    ),
    (
        "CREATE VIRTUAL TABLE words USING fts5 (text, tokenize = 'unicode61 remove_diacritics 0')",
        "INSERT INTO words (rowid, text) SELECT id, spaced(text) FROM turns",
        "CREATE TRIGGER turns_forgotten AFTER DELETE ON turns BEGIN DELETE FROM words WHERE rowid = old.id; END",
    ),
)
"""Statements that lead from each version of the file to the next; `PRAGMA user_version` counts those applied."""


class Database:
    """The file; threads may share it, and so may programs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        with self._failing():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
            self._connection.create_function("spaced", 1, spaced, deterministic=True)
            version = self._version()
        newest = len(MIGRATIONS)
        if version > newest:
            self._connection.close()
            raise StorageError(
                f"{shown(path)} was written by a newer roleplay (version {version}, this one knows {newest}); "
                "upgrade roleplay, or move the file away"
            )
        with self._failing():
            self._connection.execute("PRAGMA foreign_keys = ON")
            write_ahead(self._connection)
            self._connection.execute("PRAGMA synchronous = FULL")
            if version < newest:
                self._migrate()

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """What a query finds. Raises StorageError."""
        with self._failing():
            return self._connection.execute(query, tuple(values)).fetchall()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Run]:
        """Statements that take effect together or not at all; on disk when this ends. Raises StorageError."""
        with self._failing(), transaction(self._connection) as run:
            yield run

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    def _migrate(self) -> None:
        """Bring the file to the newest version, whole or not at all."""
        with self.transaction() as run:
            # Another process may have done it while this one waited for its turn to write.
            for number, statements in enumerate(MIGRATIONS[self._version() :], self._version() + 1):
                for statement in statements:
                    run(statement)
                run(f"PRAGMA user_version = {number}")

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            with self._lock, storing(self.path):
                yield
        except sqlite3.Error as error:
            raise StorageError(
                f"the conversations in {shown(self.path)} cannot be read or written: {error}; make room, check its "
                "permissions, or point ROLEPLAY_HOME elsewhere; finished turns are kept"
            ) from error
