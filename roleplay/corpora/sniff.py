"""Which form the rows of a file have, told by its first rows; and every form by its name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from roleplay.corpora.forms import completion, native, preference, text
from roleplay.corpora.forms.alpaca import Alpaca
from roleplay.corpora.forms.chat import is_head
from roleplay.corpora.forms.messages import COLUMNS as LISTS
from roleplay.corpora.forms.messages import Messages
from roleplay.corpora.forms.row import Made, Speakers, items
from roleplay.corpora.forms.sharegpt import ShareGPT, Tags
from roleplay.corpora.native import ROLES
from roleplay.errors import UsageError
from roleplay.text import did_you_mean

FORMS = {
    "native": "native",
    "alpaca": "Alpaca",
    "alpaca-2024": "Alpaca, instruction and input joined as in early 2024",
    "sharegpt": "ShareGPT",
    "messages": "OpenAI messages",
    "prompt-completion": "prompt and completion",
    "preference": "preference pairs",
    "tavern-chat": "a SillyTavern chat",
    "text": "raw text",
}
"""Names of the forms, as they are typed, and as they are told."""

SPOKEN = ("sharegpt", "messages", "tavern-chat")
"""Forms whose turns name a speaker."""

Maker = Callable[[Any, str], Made]
_NATIVE = set(ROLES)


@dataclass(frozen=True)
class Sniffed:
    """A form and the reason to believe in it."""

    form: str
    """Name, of `FORMS`."""
    because: str
    """What was seen."""


def sniff(rows: Sequence[Any]) -> Sniffed | None:
    """The form that most of the rows have; `None` where none is known."""
    votes: dict[Sniffed, int] = {}
    for row in rows:
        found = _sniff_row(row)
        if found is not None:
            votes[found] = votes.get(found, 0) + 1
    return max(votes, key=lambda found: votes[found]) if votes else None


def check_form(form: str, speakers: Speakers) -> None:
    """Raise UsageError for a name that is no form, or for speakers where nobody is named."""
    if form not in FORMS:
        raise UsageError(f"there is no form '{form}'; {did_you_mean(form, FORMS)}")
    if speakers and form not in SPOKEN:
        raise UsageError(f"the form {form} names no speakers; leave --me and --them out, or read it --as messages")


def maker(form: str, rows: Sequence[Any], speakers: Speakers) -> Maker:
    """What turns rows of a form into values; the names of their columns are looked up in the first rows."""
    if form == "messages" or (form == "sharegpt" and speakers):
        return Messages(speakers).make
    if form == "sharegpt":
        column = next((name for row in rows if (name := _list(row))), "conversations")
        keys = {key for row in rows if isinstance(row, dict) for key in _keys(row.get(column))}
        tags = Tags(role="role", content="content") if "role" in keys and "from" not in keys else Tags()
        return ShareGPT(messages=column, tags=tags).make
    if form in ("alpaca", "alpaca-2024"):
        known = [row for row in rows if isinstance(row, dict)]
        answered = any("response" in row for row in known) and not any("output" in row for row in known)
        return Alpaca(response="response" if answered else "output", joining="" if form == "alpaca-2024" else "\n").make
    return {
        "native": native.make,
        "prompt-completion": completion.make,
        "preference": preference.make,
        "text": text.make,
    }[form]


def _sniff_row(row: Any) -> Sniffed | None:
    if isinstance(row, list):
        turns = bool(row) and all(isinstance(turn, dict) and len(turn) == 1 and set(turn) <= _NATIVE for turn in row)
        return Sniffed("native", "its rows are lists of 'user' and 'char' turns") if turns else None
    if not isinstance(row, dict):
        return None
    if ("mes" in row and ("is_user" in row or "name" in row)) or is_head(row):
        return Sniffed("tavern-chat", "its rows have 'mes', 'name' and 'is_user'")
    if "chosen" in row and "rejected" in row:
        return Sniffed("preference", "its rows have 'chosen' and 'rejected'")
    column = _list(row)
    if column:
        keys = _keys(row[column])
        if {"from", "value"} <= keys:
            return Sniffed("sharegpt", f"its rows have '{column}' with 'from' and 'value'")
        if {"role", "content"} <= keys:
            return Sniffed("messages", f"its rows have '{column}' with 'role' and 'content'")
    if "instruction" in row and ("output" in row or "response" in row):
        if isinstance(row.get("output"), list):
            return Sniffed("preference", "its rows have 'instruction' and an 'output' of two answers")
        return Sniffed("alpaca", f"its rows have 'instruction' and '{'output' if 'output' in row else 'response'}'")
    for prompt, answer in completion.COLUMNS:
        if prompt in row and answer in row:
            return Sniffed("prompt-completion", f"its rows have '{prompt}' and '{answer}'")
    return Sniffed("text", "its rows have 'text'") if isinstance(row.get("text"), str) else None


def _list(row: Any) -> str | None:
    """The column that holds a list of messages."""
    return next((name for name in LISTS if isinstance(row, dict) and items(row.get(name))), None)


def _keys(messages: Any) -> set[str]:
    return {key for message in items(messages) or [] if isinstance(message, dict) for key in message}
