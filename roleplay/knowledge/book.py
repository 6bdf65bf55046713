"""A card's own book of lore: entries that come to mind when their keys are spoken.

`character_book` of the V2 and V3 card specifications (malfoyslastname/character-card-spec-v2, kwaroran/
character-card-spec-v3). Entries of strangers may be wrong in any way: what cannot be read is left out.
"""

import math
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roleplay.dialogue import Turn
from roleplay.knowledge.passage import Passage, Place
from roleplay.text import clean, one_line

BOOK = "book"
"""What citations call it."""
_ENTRIES, _KEYS, _KEY, _CONTENT = 2_000, 100, 500, 2**13
"""Most entries, keys of one, and characters of a key and of what an entry says: more would not fit into a prompt."""
_HEARD = 2**15
"""Characters that are looked through, the last ones."""
_UNROLLED = 10_000
"""Most steps of a pattern once its repeats are written out, as `regex` does in memory."""
_FLAGS = re.compile(r"\\.|\(\?([\w-]*)", re.DOTALL)
"""A character behind a backslash, which begins nothing, or what stands behind `(?`."""
_DEPTH = 4
"""Turns that are looked through where the book does not say."""
_ROUNDS = 4
"""How often what came to mind may bring up more."""
_PRIORITY = 100
_PATIENCE = 0.2
"""Seconds for all patterns of one search: some never end."""


@dataclass(frozen=True)
class Entry:
    """One piece of lore."""

    number: int
    """Its place in the book, from 0."""
    name: str
    """What it is called, else its first key."""
    text: str
    """What it says."""
    keys: tuple[str, ...]
    """One of these must be spoken."""
    secondary: tuple[str, ...]
    """One of these, too; empty where that is not asked."""
    constant: bool
    """Whether it is always in mind."""
    exact: bool
    """Whether capital letters count."""
    patterns: bool
    """Whether keys are regular expressions."""
    order: float
    """Lower ones stand first."""
    priority: float
    """Lower ones are left out first where there is no room for all."""

    def as_passage(self, count: Callable[[str], int]) -> Passage:
        """The entry as prompts and citations have it; `count` tells the tokens of a text."""
        headings = (self.name,) if self.name else ()
        return Passage(self.text, count(self.text), Place(BOOK, headings, None, None, self.number, self.number))


@dataclass(frozen=True)
class Book:
    """All entries that can come to mind."""

    entries: tuple[Entry, ...]
    """In the order of the book."""
    depth: int
    """Turns that are looked through, the last ones."""
    budget: int | None
    """Tokens for all that comes to mind; `None` where the book does not say."""
    recursive: bool
    """Whether what has come to mind is looked through, too."""

    def recall(self, turns: Sequence[Turn], count: Callable[[str], int], budget: int) -> list[Entry]:
        """The entries that these turns bring up, in their order, at most `budget` tokens by `count`."""
        ends = time.monotonic() + _PATIENCE
        heard = _Heard("\n".join(turn.text for turn in turns[-self.depth :]))
        found: dict[int, Entry] = {}
        for _ in range(_ROUNDS if self.recursive else 1):
            new = [entry for entry in self.entries if entry.number not in found and _is_called(entry, heard, ends)]
            found |= {entry.number: entry for entry in new}
            heard = _Heard("\n".join(entry.text for entry in new))
            if not new:
                break
        kept, room = list[Entry](), budget if self.budget is None else min(budget, self.budget)
        for entry in sorted(found.values(), key=lambda entry: (-entry.priority, entry.order, entry.number)):
            tokens = count(entry.text)
            if tokens <= room:
                kept.append(entry)
                room -= tokens
        return sorted(kept, key=lambda entry: (entry.order, entry.number))

    def by_identity(self, identities: Collection[str]) -> list[Entry]:
        """The entries whose passages are these, as far as they are still there."""
        return [entry for entry in self.entries if entry.as_passage(len).identity in identities]


def read_book(value: Mapping[str, Any] | None, fill: Callable[[str], str]) -> Book | None:
    """The book as a card holds it, with `fill` resolving names in it; `None` where no entry can come to mind."""
    entries = (value or {}).get("entries")
    listed = list(entries.values()) if isinstance(entries, dict) else entries  # SillyTavern's own files number them
    if value is None or not isinstance(listed, list):
        return None
    read = [_entry(number, entry, fill) for number, entry in enumerate(listed[:_ENTRIES]) if isinstance(entry, dict)]
    known = tuple(entry for entry in read if entry is not None)
    if not known:
        return None
    depth, budget = (_number(value.get(key)) for key in ("scan_depth", "token_budget"))
    return Book(
        known,
        _DEPTH if depth is None or depth < 1 else int(min(depth, 1000)),
        int(budget) if budget is not None and budget > 0 else None,
        value.get("recursive_scanning") is True,
    )


def _entry(number: int, value: Mapping[str, Any], fill: Callable[[str], str]) -> Entry | None:
    content = value.get("content")
    if not isinstance(content, str) or value.get("enabled") is False:
        return None
    # Lines that begin with @@ are instructions to programs; none of them is followed here.
    lines = [line for line in clean(content[:_CONTENT]).splitlines() if not line.lstrip().startswith("@@")]
    text = fill("\n".join(lines)).strip()
    keys, constant = tuple(fill(key) for key in _keys(value.get("keys"))), value.get("constant") is True
    if not text or not (keys or constant):
        return None
    secondary = tuple(fill(key) for key in _keys(value.get("secondary_keys")))
    name = value.get("name") if isinstance(value.get("name"), str) else None
    order, priority = _number(value.get("insertion_order")), _number(value.get("priority"))
    return Entry(
        number,
        one_line(fill(name) if name else keys[0] if keys else str(number + 1), _KEY),
        text,
        keys,
        secondary if value.get("selective") is True else (),
        constant,
        value.get("case_sensitive") is True,
        value.get("use_regex") is True,
        0 if order is None else order,
        _PRIORITY if priority is None else priority,
    )


def _keys(value: object) -> Iterator[str]:
    for key in value[:_KEYS] if isinstance(value, list) else ():
        if isinstance(key, str) and clean(key).strip():
            yield clean(key).strip()[:_KEY]


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9 else None


class _Heard:
    """Text that is looked through."""

    def __init__(self, text: str) -> None:
        self.text = text[-_HEARD:]
        self.folded = self.text.casefold()


def _is_called(entry: Entry, heard: "_Heard", ends: float) -> bool:
    if entry.constant:
        return True
    both = (entry.keys, entry.secondary) if entry.secondary else (entry.keys,)
    return all(any(_is_spoken(key, entry, heard, ends) for key in keys) for keys in both)


def _is_spoken(key: str, entry: Entry, heard: "_Heard", ends: float) -> bool:
    if not entry.patterns:
        return key in heard.text if entry.exact else key.casefold() in heard.folded
    import regex

    pattern, flags = _pattern(key)
    exact = entry.exact and "i" not in flags
    left = ends - time.monotonic()
    if left <= 0 or not _is_small(pattern):
        return False
    try:
        found = regex.search(pattern, heard.text, 0 if exact else regex.IGNORECASE, timeout=left)
    except (regex.error, ValueError, TimeoutError, RecursionError, MemoryError):
        return False
    return found is not None


def _pattern(key: str) -> tuple[str, str]:
    """`/pattern/flags`, as scripts write it, or a bare pattern."""
    body, slash, flags = key[1:].rpartition("/")
    return (body, flags) if key.startswith("/") and slash and (not flags or flags.isalpha()) else (key, "")


def _is_small(pattern: str) -> bool:
    """Whether it stays small with its repeats written out: `(a{9}){9}` holds 81 times the same."""
    if any("x" in (found[1] or "") for found in _FLAGS.finditer(pattern)):
        return False  # blanks and remarks may then stand within a number
    return len(pattern) * math.prod(max(1, int(least)) for least in re.findall(r"\{([0-9]+)", pattern)) <= _UNROLLED
