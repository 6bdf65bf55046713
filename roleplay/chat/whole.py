"""A conversation with all that is kept of it, read and written in one piece."""

import functools
import json
from collections.abc import Collection
from dataclasses import dataclass

from roleplay.chat.store import ChatStore, Pin, StoredTurn
from roleplay.dialogue import Role
from roleplay.errors import NotFound
from roleplay.findable import spaced
from roleplay.text import clean, fingerprint

_ADD = """
INSERT INTO turns (chat, role, text, lane, prefixes, stopped, beside, taken, deleted, drawn, created, parent, origin)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


@dataclass(frozen=True)
class WholeChat:
    """A conversation as a value."""

    character: str
    """Name of the card."""
    created: float
    """When it was begun, seconds since 1970."""
    turns: tuple[StoredTurn, ...]
    """All turns, each after the one it follows; numbers count within this value."""
    head: int | None
    """Last turn of the path that is shown."""
    pin: Pin
    """What it was begun with."""
    settings: str | None = None
    """How it is held, as JSON; `None` where nothing was changed."""

    @property
    def line(self) -> list[StoredTurn]:
        """The path that is shown, from its first turn."""
        by_number = {turn.id: turn for turn in self.turns}
        line, at = [], by_number.get(self.head or 0)
        while at is not None:
            line.append(at)
            at = by_number.get(at.parent or 0)
        return line[::-1]

    def ways(self, turn: StoredTurn) -> list[StoredTurn]:
        """`turn` and the others in its place, oldest first: swipes of a reply or greeting, edits of a turn."""
        return [other for other in self._places[turn.parent, turn.role] if other is turn or _stands(other)]

    def left_out(self, told: Collection[int]) -> tuple[str, ...]:
        """What is in the tree beside the turns with these numbers, each as a few words."""
        rest = [turn for turn in self.turns if turn.id not in told]
        deleted = sum(turn.deleted for turn in rest)
        beside = sum(turn.beside and not turn.deleted for turn in rest)
        counts = {
            "swipes and turns of other branches": len(rest) - deleted - beside,
            "replies beside the conversation": beside,
            "deleted turns": deleted,
        }
        return tuple(f"{count} {what}" for what, count in counts.items() if count)

    @functools.cached_property
    def _places(self) -> dict[tuple[int | None, Role], list[StoredTurn]]:
        places: dict[tuple[int | None, Role], list[StoredTurn]] = {}
        for turn in self.turns:
            places.setdefault((turn.parent, turn.role), []).append(turn)
        return places


def _stands(turn: StoredTurn) -> bool:
    return not turn.beside and not turn.deleted


def read_whole(store: ChatStore, chat: int) -> WholeChat:
    """Conversation number `chat`. Raises NotFound or StorageError."""
    rows = store.database.rows("SELECT character, created FROM chats WHERE id = ?", (chat,))
    if not rows:
        raise NotFound(f"there is no conversation {chat}; 'roleplay chats list' shows those there are")
    character, created = rows[0]
    head = store.head(chat)  # first, since another program may add turns meanwhile
    return WholeChat(character, created, tuple(store.turns(chat)), head, store.pinned(chat), store.settings(chat))


def write_whole(store: ChatStore, whole: WholeChat) -> int:
    """Keep a conversation as a new one, all of it or nothing; returns its number. Raises StorageError."""
    card, pin = None if whole.pin.card is None else fingerprint(whole.pin.card), whole.pin
    with store.database.transaction() as run:
        if card is not None:
            run("INSERT OR IGNORE INTO cards (hash, json) VALUES (?, ?)", (card, pin.card))
        about = (whole.character, whole.created, card, pin.base, pin.adapter, whole.settings)
        chat = run(
            "INSERT INTO chats (character, created, card, base, adapter, settings) VALUES (?, ?, ?, ?, ?, ?)", about
        ).lastrowid
        numbers: dict[int | None, int | None] = {}
        for turn in whole.turns:
            text = clean(turn.text)
            marks = (turn.stopped, turn.beside, turn.taken, turn.deleted, turn.drawn, turn.created)
            said = (chat, turn.role, text, turn.lane, json.dumps(list(turn.prefixes)), *marks)
            number = run(_ADD, (*said, numbers.get(turn.parent), numbers.get(turn.origin))).lastrowid
            run("INSERT INTO words (rowid, text) VALUES (?, ?)", (number, spaced(text)))
            numbers[turn.id] = number
        run("UPDATE chats SET head = ? WHERE id = ?", (numbers.get(whole.head), chat))
    return int(chat or 0)
