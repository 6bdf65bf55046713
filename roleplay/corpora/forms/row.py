"""What every form makes of a row, and the checks they share."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from roleplay.corpora.documents import Text
from roleplay.dialogue import Dialogue, Pair, Role, Turn
from roleplay.text import clean

Value = Dialogue | Pair | Text


class Drop(Exception):
    """Why a row is left out; the same words for every row of which it is true."""


@dataclass(frozen=True)
class Made:
    """What a row became."""

    value: Value
    """The dialogue, pair or text."""
    merged: int = 0
    """Turns joined to the one before."""


@dataclass(frozen=True)
class Speakers:
    """Who is who in a conversation; `None` goes by the roles of the form."""

    me: str | None = None
    """Name or role that the character speaks under."""
    them: str | None = None
    """Name or role of the partner; with `me` alone everybody else is."""

    def __bool__(self) -> bool:
        return self.me is not None or self.them is not None

    def role(self, *names: Any) -> Role | None:
        """The role of somebody called `names`; `None` for a third person."""
        called = {name.strip().casefold() for name in names if isinstance(name, str)}
        if self.me is not None and self.me.strip().casefold() in called:
            return "assistant"
        if self.them is not None and self.them.strip().casefold() in called:
            return "user"
        if self.them is None:
            return "user"
        return "assistant" if self.me is None else None


def fields(row: Any) -> dict[str, Any]:
    """The row as an object."""
    if not isinstance(row, dict):
        raise Drop("is not an object")
    return row


def text_of(value: Any, what: str) -> str:
    """Clean text; nothing at all is empty text."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Drop(f"has {what} that is not text")
    return clean(value).strip()


def items(value: Any) -> list[Any] | None:
    """A list, also where a table holds it as JSON text; `None` for anything else."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, list) else None


def dialogue(turns: Sequence[Turn], source: str) -> Dialogue:
    """A dialogue from cleaned turns that alternate; an empty first question makes the answer an opening."""
    kept = list(turns)
    first = int(bool(kept) and kept[0].role == "system")
    if len(kept) > first and kept[first].role == "user" and not kept[first].text:
        del kept[first]
    if first and not kept[0].text:
        del kept[0]
    if any(not turn.text for turn in kept):
        empty_answer = any(not turn.text and turn.role == "assistant" for turn in kept)
        raise Drop("has an empty answer" if empty_answer else "has an empty question")
    if not any(turn.role == "assistant" for turn in kept):
        raise Drop("has no answer")
    return Dialogue(tuple(kept), source)


def pair(prompt: Sequence[Turn], chosen: str, rejected: str, source: str) -> Pair:
    """A pair from cleaned text."""
    asked = [turn for turn in prompt if turn.role != "system" or turn.text]
    first = int(bool(asked) and asked[0].role == "system")
    if len(asked) > first + 1 and asked[first].role == "user" and not asked[first].text:
        del asked[first]  # the character opens the conversation
    if not asked or asked[-1].role != "user" or any(not turn.text for turn in asked):
        raise Drop("has an empty question")
    if not chosen or not rejected:
        raise Drop("has an empty answer")
    if chosen == rejected:
        raise Drop("has two answers that are the same")
    return Pair(tuple(asked), chosen, rejected, source)


def document(value: Any, source: str) -> Text:
    """A text with something in it."""
    if not isinstance(value, str):
        raise Drop("has a text that is not text")
    text = clean(value).strip("\n")
    if not text.strip():
        raise Drop("has an empty text")
    return Text(text, source)
