"""Conversations in SQLite: every finished turn is on disk before the next thing happens.

A turn has a parent: a conversation is a tree, of which a chat shows one path.
"""

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from roleplay.dialogue import Role
from roleplay.errors import StorageError
from roleplay.paths import shown, storing
from roleplay.text import clean

_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS chats (
    id INTEGER PRIMARY KEY,
    character TEXT NOT NULL,
    created REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS turns (
    id INTEGER PRIMARY KEY,
    chat INTEGER NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    parent INTEGER REFERENCES turns (id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
    text TEXT NOT NULL,
    lane TEXT,
    prefixes TEXT NOT NULL,
    stopped TEXT,
    created REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS turns_by_parent ON turns (chat, parent);
"""


@dataclass(frozen=True)
class StoredTurn:
    """A turn as it is kept."""

    id: int
    """Its number in the file."""
    parent: int | None
    """The turn it follows; `None` for the first."""
    role: Role
    """`user` or `assistant`."""
    text: str
    """What was said, cleaned of control characters."""
    lane: str | None
    """Who answered; `None` for the person and for greetings."""
    prefixes: tuple[str, ...]
    """Prefixes that were sent for this reply."""
    stopped: str | None
    """How the reply ended: `end`, `length` or `cancelled`; `None` where it was not generated."""


class ChatStore:
    """The file of all conversations."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._failing():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, isolation_level=None)
            version = int(self._database.execute("PRAGMA user_version").fetchone()[0])
        if version > _VERSION:
            self._database.close()
            raise StorageError(
                f"{shown(path)} was written by a newer roleplay (version {version}, this one knows {_VERSION}); "
                "upgrade roleplay, or move the file away"
            )
        with self._failing():
            self._database.execute("PRAGMA foreign_keys = ON")
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            if version == 0:
                # Another process may make the tables at the same moment: IMMEDIATE waits for it, IF NOT EXISTS agrees.
                self._database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")

    def new_chat(self, character: str) -> int:
        """Begin a conversation; returns its number."""
        with self._failing():
            cursor = self._database.execute(
                "INSERT INTO chats (character, created) VALUES (?, ?)", (character, time.time())
            )
        return int(cursor.lastrowid or 0)

    def add(
        self,
        chat: int,
        parent: int | None,
        role: Role,
        text: str,
        *,
        lane: str | None = None,
        prefixes: Sequence[str] = (),
        stopped: str | None = None,
    ) -> int:
        """Keep a turn; it is on disk when this returns. Returns its number."""
        values = (chat, parent, role, clean(text), lane, json.dumps(list(prefixes)), stopped, time.time())
        with self._failing():
            cursor = self._database.execute(
                "INSERT INTO turns (chat, parent, role, text, lane, prefixes, stopped, created) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
        return int(cursor.lastrowid or 0)

    def path_to(self, turn: int | None) -> list[StoredTurn]:
        """The turns from the first one to `turn`."""
        with self._failing():
            rows = self._database.execute(
                "WITH RECURSIVE line (id, depth) AS (SELECT ?, 0 UNION ALL SELECT turns.parent, depth + 1 FROM turns "
                "JOIN line ON turns.id = line.id WHERE turns.parent IS NOT NULL) "
                "SELECT turns.id, parent, role, text, lane, prefixes, stopped FROM turns "
                "JOIN line ON turns.id = line.id ORDER BY depth DESC",
                (turn,),
            ).fetchall()
        return [
            StoredTurn(number, parent, role, text, lane, tuple(json.loads(prefixes)), stopped)
            for number, parent, role, text, lane, prefixes, stopped in rows
        ]

    def newest_turn(self, chat: int) -> int | None:
        """Number of the turn added last to `chat`."""
        with self._failing():
            row = self._database.execute("SELECT max(id) FROM turns WHERE chat = ?", (chat,)).fetchone()
        return row[0]  # type: ignore[no-any-return]

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            with storing(self.path):
                yield
        except sqlite3.Error as error:
            raise StorageError(
                f"the conversations in {shown(self.path)} cannot be read or written: {error}; make room, check its "
                "permissions, or point ROLEPLAY_HOME elsewhere; finished turns are kept"
            ) from error
