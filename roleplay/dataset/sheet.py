"""A card as people read it: its facts, and what each of its corpora holds."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from roleplay.cards.load import CardFile
from roleplay.cards.model import Card
from roleplay.cards.prompt import fill
from roleplay.dataset.entries import entry_dialogues, entry_texts
from roleplay.errors import FileFaults


@dataclass(frozen=True)
class HeldCorpus:
    """A corpus of a card, counted."""

    kind: str
    """`desc`, `dialogue`, `general` or `text`."""
    label: str
    """File, registry or character, as a person would name it."""
    held: str
    """How much it holds, or how many faults it has."""
    weight: float
    """Passes in an epoch."""


def facts(card: Card) -> list[tuple[str, str]]:
    """Label and text of everything but names and prefixes; what the card does not say is left out.

    An empty label belongs to the fact before it.
    """
    greetings = [fill(text, card) for text in (card.greeting, *card.alternate_greetings) if text]
    settings = card.generation.model_dump(exclude_none=True)
    training = card.training.model_dump(exclude_none=True)
    told = [
        *zip(["greeting", *["or"] * len(greetings)], greetings, strict=False),
        ("catchphrases", " · ".join(card.catchphrases)),
        *_book(card),
        ("generation", ", ".join(f"{key} {value}" for key, value in settings.items())),
        ("training", ", ".join(f"{key} {value}" for key, value in training.items())),
        ("base", card.base or "pocket, which ships"),
        ("tags", ", ".join(card.tags)),
        ("creator", card.creator),
        ("license", card.license),
    ]
    return [(label, text.strip()) for label, text in told if text.strip()]


def held_corpora(card_file: CardFile, called: str) -> Iterator[HeldCorpus]:
    """Each corpus of the card `called` so in commands, read and counted; a large one takes its time."""
    for at, entry in enumerate(card_file.card.corpora):
        label = entry.path or (f"character {entry.character}" if entry.character else f"{entry.registry}: {entry.name}")
        try:
            if entry.kind == "text":
                texts = entry_texts(card_file, at)
                label, held = texts.label, f"{len(texts.texts)} texts"
            else:
                dialogues = entry_dialogues(card_file, at)
                label, held = dialogues.label, f"{len(dialogues.dialogues)} dialogues"
        except FileFaults as error:
            number = len(error.faults)
            held = f"{number} fault{'s' if number > 1 else ''}: roleplay cards check {called}"
        yield HeldCorpus(entry.kind, label, held, entry.weight)


def _book(card: Card) -> list[tuple[str, str]]:
    """How many entries, and the words that call each; a book is kept as it came, so any shape of it is met."""
    entries: Any = (card.book or {}).get("entries")
    entries = list(entries.values()) if isinstance(entries, dict) else entries
    if not isinstance(entries, list):
        return []
    number = f"{len(entries)} {'entry' if len(entries) == 1 else 'entries'}"
    return [("book", number), *(("", _called_by(entry if isinstance(entry, dict) else {})) for entry in entries)]


def _called_by(entry: dict[str, Any]) -> str:
    keys = entry.get("keys") or entry.get("key") or []
    words = [str(key) for key in (keys if isinstance(keys, list) else [keys])]
    return ", ".join(words) or ("always" if entry.get("constant") else "no keys")
