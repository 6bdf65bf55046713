"""`roleplay cards show`: one card, rendered."""

from typing import TYPE_CHECKING, Any

import typer

from roleplay.cli.output import emit, emit_json, emit_painted

if TYPE_CHECKING:
    from roleplay.cards.load import CardFile
    from roleplay.cards.model import Card

_LABEL, _QUIET = "36", "2"
_WIDTH = 14


def show_card(
    name: str = typer.Argument(help="Name of a character, or a card's path."),
    as_json: bool = typer.Option(False, "--json", help="Print the card as one JSON object."),
) -> None:
    """Show a card: who it is, its switches, its first words, its book, its settings, its corpora."""
    from roleplay.cards.find import open_card
    from roleplay.cards.prompt import fill
    from roleplay.paths import find_home, shown

    card_file = open_card(name, find_home())
    card = card_file.card
    if as_json:
        emit_json(card.model_dump(by_alias=True))
        return
    emit_painted([(card.display_name, "1"), (f"  {card.name} · {card.language} · version {card.version}", _QUIET)])
    emit(f"{card.description}\n{shown(card_file.path)}")
    for prefix in card.prefixes:
        state = "on " if prefix.default else "off"
        emit_painted([(f"\n[{state}] {prefix.id}", _LABEL), (f"  {prefix.place}, trained {prefix.train}", _QUIET)])
        emit(fill(prefix.text, card))
    emit()
    greetings = [text for text in (card.greeting, *card.alternate_greetings) if text]
    for label, text in zip(["greeting", *["or"] * len(greetings)], greetings, strict=False):
        _line(label, fill(text, card))
    _line("catchphrases", " · ".join(card.catchphrases))
    _show_book(card)
    settings = card.generation.model_dump(exclude_none=True)
    _line("generation", ", ".join(f"{key} {value}" for key, value in settings.items()))
    training = card.training.model_dump(exclude_none=True)
    _line("training", ", ".join(f"{key} {value}" for key, value in training.items()))
    _line("base", card.base or "pocket, which ships")
    _line("tags", ", ".join(card.tags))
    _line("creator", card.creator)
    _line("license", card.license)
    for at in range(len(card.corpora)):
        _show_corpus(card_file, at, name)


def _line(label: str, text: str) -> None:
    """A label and its text, further lines below the first; nothing where there is no text."""
    if text.strip():
        emit_painted([(f"{label:<{_WIDTH}}", _LABEL), (text.strip().replace("\n", "\n" + " " * _WIDTH), "")])


def _show_book(card: "Card") -> None:
    """How many entries, and the words that call each; a book is kept as it came, so any shape of it is met."""
    entries: Any = (card.book or {}).get("entries")
    entries = list(entries.values()) if isinstance(entries, dict) else entries
    if not isinstance(entries, list):
        return
    _line("book", f"{len(entries)} {'entry' if len(entries) == 1 else 'entries'}")
    for entry in entries:
        _line("", _called_by(entry if isinstance(entry, dict) else {}))


def _called_by(entry: dict[str, Any]) -> str:
    keys = entry.get("keys") or entry.get("key") or []
    words = [str(key) for key in (keys if isinstance(keys, list) else [keys])]
    return ", ".join(words) or ("always" if entry.get("constant") else "no keys")


def _show_corpus(card_file: "CardFile", at: int, name: str) -> None:
    from roleplay.dataset.entries import entry_dialogues, entry_texts
    from roleplay.errors import FileFaults

    entry = card_file.card.corpora[at]
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
        held = f"{number} fault{'s' if number > 1 else ''}: roleplay cards check {name}"
    weight = "" if entry.weight == 1 else f", weight {entry.weight:g}"
    emit_painted([(f"{'corpus':<{_WIDTH}}", _LABEL), (f"{entry.kind:<9} {label}", ""), (f"  {held}{weight}", _QUIET)])
