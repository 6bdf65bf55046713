"""Turns of all conversations, found by their words."""

from dataclasses import dataclass

from roleplay.chat.store import ChatStore
from roleplay.dialogue import Role
from roleplay.findable import match_expression, places, read_query

_BEFORE = 24
"""Characters shown before the first word that was found."""
_LENGTH = 120
"""Characters shown in all."""
# The join's order is fixed: the newest matches come first from the index, and reading ends with the last one wanted.
_SEARCH = """
SELECT chats.id, turns.id, character, role, turns.created, turns.text
FROM words CROSS JOIN turns ON turns.id = words.rowid CROSS JOIN chats ON chats.id = turns.chat
WHERE words MATCH ?1 AND NOT deleted AND (?2 IS NULL OR character = ?2) ORDER BY words.rowid DESC LIMIT ?3
"""


@dataclass(frozen=True)
class Found:
    """A turn in which all the words stand."""

    chat: int
    """Number of its conversation."""
    turn: int
    """Its own number in the file."""
    character: str
    """Name of the card."""
    role: Role
    """`user` or `assistant`."""
    when: float
    """When it was begun, seconds since 1970."""
    snippet: str
    """A line of it around the first word that was found."""
    places: tuple[tuple[int, int], ...]
    """Where in the snippet the words stand, as (start, end)."""


def search(store: ChatStore, query: str, character: str | None = None, limit: int = 50) -> list[Found]:
    """Turns that hold all words of `query`, the newest first; swipes and lanes for comparison count, deleted ones not.

    Latin words are found by their beginning, Chinese ones anywhere; quotes make a phrase. Nothing that is typed is an
    error, and a query without a word finds nothing. Raises StorageError.
    """
    terms = read_query(query)
    if not terms:
        return []
    rows = store.database.rows(_SEARCH, (match_expression(terms), character, limit))
    found = []
    for chat, turn, name, role, when, text in rows:
        line = " ".join(text.split())
        snippet, there = _snippet(line, places(line, terms))
        found.append(Found(chat, turn, name, role, when, snippet, there))
    return found


def _snippet(line: str, there: list[tuple[int, int]]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The part of `line` around the first place, with the places that are whole in it."""
    start = max(there[0][0] - _BEFORE, 0) if there and len(line) > _LENGTH else 0
    end = min(start + _LENGTH, len(line))
    head = "…" if start else ""
    moved = len(head) - start
    inside = tuple((first + moved, last + moved) for first, last in there if last <= end)
    return head + line[start:end] + ("…" if end < len(line) else ""), inside
