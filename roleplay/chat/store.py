"""Conversations in SQLite: every finished turn is on disk before the next thing happens.

A turn has a parent: a conversation is a tree. Its head is the last turn of the path that the chat shows; what is not on
that path are swipes, edits, branches, and replies of lanes that answered for comparison.
"""

import json
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from roleplay.chat.database import Database
from roleplay.dialogue import Role
from roleplay.findable import spaced
from roleplay.text import clean, fingerprint

_TURN = "turns.id, parent, role, text, lane, prefixes, stopped, beside, taken, origin, drawn, deleted, created"
_PATH = f"""
WITH RECURSIVE line (id, depth) AS (
    SELECT ?, 0 UNION ALL
    SELECT turns.parent, depth + 1 FROM turns JOIN line ON turns.id = line.id WHERE turns.parent IS NOT NULL
)
SELECT {_TURN} FROM turns JOIN line ON turns.id = line.id ORDER BY depth DESC
"""  # noqa: S608
_REPLIES = f"SELECT {_TURN} FROM turns WHERE parent = ? AND lane IS NOT NULL ORDER BY id"  # noqa: S608
_TURNS = f"SELECT {_TURN} FROM turns WHERE chat = ? ORDER BY id"  # noqa: S608
_CHATS = """
SELECT chats.id, character, max(turns.created), sum(role = 'user'),
    (SELECT text FROM turns AS said WHERE said.chat = chats.id AND role = 'user' AND NOT deleted ORDER BY id LIMIT 1)
FROM chats JOIN turns ON turns.chat = chats.id WHERE NOT deleted AND (?1 IS NULL OR character = ?1)
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
    beside: bool
    """Whether a lane for comparison said it, and it was not taken over."""
    taken: bool
    """Whether a lane for comparison said it, and it was taken over."""
    origin: int | None
    """The turn it was edited from."""
    drawn: str
    """How the reply was drawn, as JSON; empty where it was not generated, or before this was kept."""
    deleted: bool
    """Whether the person deleted it."""
    created: float
    """When it was begun, seconds since 1970."""


@dataclass(frozen=True)
class Pin:
    """What a chat was begun with."""

    card: str | None
    """The card as JSON; `None` in chats older than this record."""
    base: str | None
    """The base with its revision; `None` before it was loaded."""
    adapter: str | None
    """The adapter as `character/run@step`; `None` where the base answered alone, or before it was loaded."""


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
        self.database = Database(path)

    def new_chat(self, character: str, pin: Pin | None = None) -> int:
        """Begin a conversation; returns its number."""
        with self.database.transaction() as run:
            cursor = run("INSERT INTO chats (character, created) VALUES (?, ?)", (character, time.time()))
        chat = int(cursor.lastrowid or 0)
        if pin is not None:
            self.pin(chat, pin)
        return chat

    def pin(self, chat: int, pin: Pin) -> None:
        """Keep what the conversation runs with."""
        key = None if pin.card is None else fingerprint(pin.card)
        with self.database.transaction() as run:
            if key is not None:
                run("INSERT OR IGNORE INTO cards (hash, json) VALUES (?, ?)", (key, pin.card))
            run("UPDATE chats SET card = ?, base = ?, adapter = ? WHERE id = ?", (key, pin.base, pin.adapter, chat))

    def pinned(self, chat: int) -> Pin:
        """What the conversation was begun with."""
        rows = self.database.rows(
            "SELECT json, base, adapter FROM chats LEFT JOIN cards ON chats.card = cards.hash WHERE id = ?", (chat,)
        )
        return Pin(*rows[0]) if rows else Pin(None, None, None)

    def keep_settings(self, chat: int, settings: str) -> None:
        """Keep how the conversation is held, as JSON."""
        with self.database.transaction() as run:
            run("UPDATE chats SET settings = ? WHERE id = ?", (settings, chat))

    def settings(self, chat: int) -> str | None:
        """How the conversation is held; `None` where nothing was changed."""
        rows = self.database.rows("SELECT settings FROM chats WHERE id = ?", (chat,))
        return rows[0][0] if rows else None

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
        beside: bool = False,
        origin: int | None = None,
        drawn: str = "",
        head: bool = True,
    ) -> int:
        """Keep a turn, as the chat's head or not; it is on disk when this returns. Returns its number."""
        cleaned, now = clean(text), time.time()
        sent = json.dumps(list(prefixes))
        values = (chat, parent, role, cleaned, lane, sent, stopped, beside, origin, drawn, now)
        with self.database.transaction() as run:
            cursor = run(
                "INSERT INTO turns (chat, parent, role, text, lane, prefixes, stopped, beside, origin, drawn, created) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            run("INSERT INTO words (rowid, text) VALUES (?, ?)", (cursor.lastrowid, spaced(cleaned)))
            if head:
                run("UPDATE chats SET head = ? WHERE id = ?", (cursor.lastrowid, chat))
        return int(cursor.lastrowid or 0)

    def rewrite(self, turn: int, text: str, stopped: str | None) -> None:
        """Replace a half reply by what it has become."""
        cleaned = clean(text)
        with self.database.transaction() as run:
            run("UPDATE turns SET text = ?, stopped = ? WHERE id = ?", (cleaned, stopped, turn))
            run("UPDATE words SET text = ? WHERE rowid = ?", (spaced(cleaned), turn))

    def mark(self, turn: int, *, beside: bool, taken: bool, deleted: bool) -> None:
        """Keep where a turn stands now."""
        with self.database.transaction() as run:
            run("UPDATE turns SET beside = ?, taken = ?, deleted = ? WHERE id = ?", (beside, taken, deleted, turn))

    def path_to(self, turn: int | None) -> list[StoredTurn]:
        """The turns from the first one to `turn`."""
        return [_turn(row) for row in self.database.rows(_PATH, (turn,))]

    def replies_to(self, turn: int) -> list[StoredTurn]:
        """Every reply to one of the person's turns, oldest first, those beside the path included."""
        return [_turn(row) for row in self.database.rows(_REPLIES, (turn,))]

    def turns(self, chat: int) -> list[StoredTurn]:
        """All turns of a conversation in the order in which they came, deleted ones included."""
        return [_turn(row) for row in self.database.rows(_TURNS, (chat,))]

    def head(self, chat: int) -> int | None:
        """Number of the last turn of the path that `chat` shows."""
        rows = self.database.rows("SELECT head FROM chats WHERE id = ?", (chat,))
        return rows[0][0] if rows else None

    def move_head(self, chat: int, turn: int | None) -> None:
        """Let the path that `chat` shows end at `turn`."""
        with self.database.transaction() as run:
            run("UPDATE chats SET head = ? WHERE id = ?", (turn, chat))

    def chats(self, character: str | None = None) -> list[StoredChat]:
        """Conversations in which the person said something, the one talked in last first."""
        return [StoredChat(*row) for row in self.database.rows(_CHATS, (character,))]

    def remove(self, chats: Collection[int]) -> int:
        """Remove conversations with all they hold, for good; returns how many there were."""
        with self.database.transaction() as run:
            return sum(run("DELETE FROM chats WHERE id = ?", (chat,)).rowcount for chat in chats)

    def close(self) -> None:
        """Close the file."""
        self.database.close()


def _turn(row: tuple[object, ...]) -> StoredTurn:
    number, parent, role, text, lane, prefixes, stopped, beside, taken, origin, drawn, deleted, created = row
    sent = tuple(json.loads(str(prefixes)))
    marks = (bool(beside), bool(taken), origin, drawn, bool(deleted), created)
    return StoredTurn(number, parent, role, text, lane, sent, stopped, *marks)  # type: ignore[arg-type]
