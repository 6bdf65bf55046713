"""Dialogues out of what a generator wrote: JSON, if need be wrapped, bent or cut off."""

import json
import re
from collections.abc import Iterator
from typing import Any

from roleplay.cards.model import Card
from roleplay.corpora.native import entry_turns, lines_of
from roleplay.dialogue import Dialogue
from roleplay.text import clean

_LONGEST = 200_000
_TRIES = 500
_DEEPEST = 8
_OPENING = re.compile(r"[{\[]")
_THOUGHT = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_TRAILING = re.compile(r",(\s*[}\]])")
_USER = ("user", "human", "question", "q", "用户", "问", "问题")
_CHAR = ("char", "assistant", "character", "answer", "a", "gpt", "bot", "角色", "答", "回答")
_SPEAKER = ("role", "speaker", "from", "name")
_SAID = ("content", "text", "value", "line")

Entry = list[dict[str, str]]


def json_values(text: str) -> list[Any]:
    """Every whole object or list in `text`, outermost first, with what a model writes around them skipped.

    A cut or bent outer value gives the whole values inside it.
    """
    text = _THOUGHT.sub("", text[:_LONGEST])
    decoder, found, at = json.JSONDecoder(), [], 0
    for _ in range(_TRIES):
        opening = _OPENING.search(text, at)
        if opening is None:
            break
        try:
            value, at = decoder.raw_decode(text, opening.start())
            found.append(value)
        except (ValueError, RecursionError):
            at = opening.start() + 1
    return found


def read_proposals(text: str, card: Card, source: str) -> tuple[list[Dialogue], list[str]]:
    """Dialogues of an answer, and why others, or all of it, are of no use."""
    readings = [_read(written, card, source) for written in (text, _TRAILING.sub(r"\1", text))]
    return max(readings, key=lambda reading: len(reading[0]))


def _read(text: str, card: Card, source: str) -> tuple[list[Dialogue], list[str]]:
    values = json_values(text)
    if not values:
        return [], ["no JSON"]
    found = [_dialogue(turns, source) for value in values for turns in _entries(value, card)]
    dialogues = [dialogue for dialogue in found if dialogue is not None]
    return dialogues, ["no dialogue"] * (len(found) - len(dialogues) or (0 if dialogues else 1))


def _dialogue(turns: Entry | None, source: str) -> Dialogue | None:
    """A dialogue as the native format takes it, up to the character's last turn."""
    while turns and "user" in turns[-1]:
        turns = turns[:-1]
    if not turns:
        return None
    faults, read = entry_turns(source, 1, turns, lines_of(turns, 1), False)
    return None if faults else Dialogue(tuple(read), source)


def _entries(value: Any, card: Card, depth: int = 0) -> Iterator[Entry | None]:
    """Entries of the native format in a value of any of the usual shapes; `None` for what is none of them."""
    turns = _turns(value, card)
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    nested = [part for part in inner if isinstance(part, list | dict)]
    if turns is not None:
        yield turns
        return
    found = [entry for part in nested for entry in _entries(part, card, depth + 1)] if depth < _DEEPEST else []
    # Objects without one dialogue among them are the turns of a single faulty one.
    yield from found if any(found) or any(isinstance(part, list) for part in nested) else [None]


def _turns(value: Any, card: Card) -> Entry | None:
    """One dialogue: a list of turns, or an object with a question and its answer."""
    if isinstance(value, dict):
        said = _said(value, card)
        return _joined(said) if said is not None and len(said) > 1 else None
    if not isinstance(value, list) or not value:
        return None
    turns: Entry = []
    for item in value:
        said = _said(item, card) if isinstance(item, dict) else None
        # A list of whole pairs is many dialogues, not one.
        if said is None or (len(said) > 1 and len(value) > 1):
            return None
        turns += said
    return _joined(turns)


def _said(item: dict[str, Any], card: Card) -> Entry | None:
    """Turns of an object: `{"user": …}`, `{"question": …, "answer": …}` or `{"role": …, "content": …}`."""
    keys = {str(key).strip().lower(): value for key, value in item.items()}
    speaker = next((keys[key] for key in _SPEAKER if isinstance(keys.get(key), str)), None)
    text = next((keys[key] for key in _SAID if isinstance(keys.get(key), str)), None)
    pairs = [(speaker, text)] if speaker is not None and text is not None else list(keys.items())
    said: Entry = []
    for name, words in pairs:
        who = _who(name, card)
        if who is not None and isinstance(words, str) and clean(words).strip():
            said.append({who: clean(words).strip()})
    return said or None


def _who(name: str, card: Card) -> str | None:
    name = name.strip().lower()
    if name == card.display_name.lower() or name == card.name or name in _CHAR:
        return "char"
    return "user" if name == card.user_name.lower() or name in _USER else None


def _joined(turns: Entry) -> Entry:
    """Turns in a row by one speaker are one turn of several lines."""
    joined: Entry = []
    for turn in turns:
        ((who, text),) = turn.items()
        if joined and who in joined[-1]:
            joined[-1] = {who: f"{joined[-1][who]}\n{text}"}
        else:
            joined.append(turn)
    return joined
