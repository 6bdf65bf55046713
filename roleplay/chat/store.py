"""Conversations in SQLite: every finished turn is on disk before the next thing happens.

A turn has a parent: a conversation is a tree. Its head is the last turn of the path that the chat shows; replies beside
that path are those regenerated since, and those of lanes that answered for comparison.
"""

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from roleplay.dialogue import Role
from roleplay.errors import StorageError
from roleplay.paths import shown, storing
from roleplay.text import clean

_MIGRATIONS = (
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
)
"""Statements that lead from each version of the file to the next; `PRAGMA user_version` counts those applied."""

_PATH = """
WITH RECURSIVE line (id, depth) AS (
    SELECT ?, 0 UNION ALL
    SELECT turns.parent, depth + 1 FROM turns JOIN line ON turns.id = line.id WHERE turns.parent IS NOT NULL
)
SELECT turns.id, parent, role, text, lane, prefixes, stopped FROM turns JOIN line ON turns.id = line.id
ORDER BY depth DESC
"""
_REPLIES = """
SELECT id, parent, role, text, lane, prefixes, stopped FROM turns WHERE parent = ? AND lane IS NOT NULL ORDER BY id
"""
_CHATS = """
SELECT chats.id, character, max(turns.created), sum(role = 'user'),
    (SELECT text FROM turns AS said WHERE said.chat = chats.id AND role = 'user' ORDER BY id LIMIT 1)
FROM chats JOIN turns ON turns.chat = chats.id WHERE ?1 IS NULL OR character = ?1
GROUP BY chats.id HAVING sum(role = 'user') > 0 ORDER BY max(turns.id) DESC
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
    """How the reply ended: `end`, `length`, `cancelled`, or `cut` by a failure; `None` where it was not generated."""


@dataclass(frozen=True)
class StoredChat:
    """A conversation as a list of conversations shows it."""

    id: int
    """Its number in the file."""
    character: str
    """Name of the card."""
    changed: float
    """When its newest turn was begun, seconds since 1970."""
    said: int
    """Turns of the person."""
    opening: str
    """The person's first turn."""


class ChatStore:
    """The file of all conversations; threads may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        with self._failing():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            version = self._version()
        newest = len(_MIGRATIONS)
        if version > newest:
            self._database.close()
            raise StorageError(
                f"{shown(path)} was written by a newer roleplay (version {version}, this one knows {newest}); "
                "upgrade roleplay, or move the file away"
            )
        with self._failing():
            self._database.execute("PRAGMA foreign_keys = ON")
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            if version < newest:
                self._migrate()

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
        head: bool = True,
    ) -> int:
        """Keep a turn, as the chat's head or beside its path; it is on disk when this returns. Returns its number."""
        values = (chat, parent, role, clean(text), lane, json.dumps(list(prefixes)), stopped, time.time())
        with self._transaction():
            cursor = self._database.execute(
                "INSERT INTO turns (chat, parent, role, text, lane, prefixes, stopped, created) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            if head:
                self._database.execute("UPDATE chats SET head = ? WHERE id = ?", (cursor.lastrowid, chat))
        return int(cursor.lastrowid or 0)

    def rewrite(self, turn: int, text: str, stopped: str | None) -> None:
        """Replace a half reply by what it has become."""
        with self._failing():
            self._database.execute("UPDATE turns SET text = ?, stopped = ? WHERE id = ?", (clean(text), stopped, turn))

    def path_to(self, turn: int | None) -> list[StoredTurn]:
        """The turns from the first one to `turn`."""
        with self._failing():
            rows = self._database.execute(_PATH, (turn,)).fetchall()
        return [_turn(row) for row in rows]

    def replies_to(self, turn: int) -> list[StoredTurn]:
        """Every reply to one of the person's turns, oldest first, those beside the path included."""
        with self._failing():
            rows = self._database.execute(_REPLIES, (turn,)).fetchall()
        return [_turn(row) for row in rows]

    def head(self, chat: int) -> int | None:
        """Number of the last turn of the path that `chat` shows."""
        with self._failing():
            row = self._database.execute("SELECT head FROM chats WHERE id = ?", (chat,)).fetchone()
        return row[0] if row else None

    def chats(self, character: str | None = None) -> list[StoredChat]:
        """Conversations in which the person said something, the one talked in last first."""
        with self._failing():
            rows = self._database.execute(_CHATS, (character,)).fetchall()
        return [StoredChat(*row) for row in rows]

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _version(self) -> int:
        return int(self._database.execute("PRAGMA user_version").fetchone()[0])

    def _migrate(self) -> None:
        """Bring the file to the newest version, whole or not at all."""
        with self._transaction():
            # Another process may have done it while this one waited for its turn to write.
            for number, statements in enumerate(_MIGRATIONS[self._version() :], self._version() + 1):
                for statement in statements:
                    self._database.execute(statement)
                self._database.execute(f"PRAGMA user_version = {number}")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._failing():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # some failures have rolled back by themselves
                    self._database.execute("ROLLBACK")
                raise

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


def _turn(row: tuple[int, int | None, Role, str, str | None, str, str | None]) -> StoredTurn:
    number, parent, role, text, lane, prefixes, stopped = row
    return StoredTurn(number, parent, role, text, lane, tuple(json.loads(prefixes)), stopped)
