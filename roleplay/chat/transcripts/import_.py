"""A file with a conversation becomes one that is kept."""

from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from roleplay.cards.model import Card
from roleplay.chat.store import ChatStore
from roleplay.chat.transcripts.jsonl import MARK, read_jsonl
from roleplay.chat.transcripts.tavern_in import read_tavern
from roleplay.chat.whole import write_whole
from roleplay.corpora.rows import open_table
from roleplay.errors import UsageError
from roleplay.text import did_you_mean

FORMS = ("jsonl", "sillytavern")
"""Formats that can be read."""


@dataclass(frozen=True)
class Imported:
    """A conversation that is kept now."""

    chat: int
    """Its number."""
    form: str
    """The format it was read as."""
    turns: int
    """Turns, swipes and all."""
    report: tuple[str, ...]
    """What is not as it was in the file, line by line."""


def import_chat(store: ChatStore, path: Path, card: Card, form: str | None = None) -> Imported:
    """Keep the conversation in a file as one with `card`; `form` is told by its first line if left out.

    Raises FileFaults, UsageError or StorageError; then nothing is kept.
    """
    if form is not None and form not in FORMS:
        raise UsageError(f"there is no format '{form}' to import; {did_you_mean(form, FORMS)}")
    if (form or _form_of(path)) == "jsonl":
        whole, told = replace(read_jsonl(path), character=card.name), ()
        return Imported(write_whole(store, whole), "jsonl", len(whole.turns), told)
    whole, report = read_tavern(path, card)
    return Imported(write_whole(store, whole), "sillytavern", len(whole.turns), tuple(report.losses()))


def _form_of(path: Path) -> str:
    first = next(islice(open_table(path).rows(), 1), None)
    return "jsonl" if first is not None and isinstance(first.value, dict) and MARK in first.value else "sillytavern"
