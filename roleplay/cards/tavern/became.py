"""What became of a tavern card, for a person to read."""

from dataclasses import dataclass

from roleplay.cards.tavern.character import Character
from roleplay.cards.tavern.to_card import PREFIXES
from roleplay.cards.tavern.travel import Arrival

_NAMES = {"name": "display_name", "nickname": "display_name", "creator_notes": "description", "creator": "creator"}


@dataclass(frozen=True)
class Became:
    """One field of the tavern card and its place on ours."""

    field: str
    """Field of the tavern card."""
    place: str
    """Where it is now."""


def became(arrival: Arrival) -> list[Became]:
    """Fields that are put to use; those in neither this list nor `arrival.kept` were empty."""
    found: list[Became] = []
    for field, value in arrival.data.items():
        place = _place(field, arrival.character)
        if place and value not in ("", [], {}, None):
            found.append(Became(field, place))
    return found


def aside(arrival: Arrival) -> list[str]:
    """Fields that no part of ours uses, but that an export gives back."""
    used = {entry.field for entry in became(arrival)}
    return [name for name in arrival.kept if name.split(".")[0] not in used]


def as_written(arrival: Arrival) -> list[str]:
    """Fields in use whose exact spelling (line ends, spaces, control characters) is kept beside."""
    return list(dict.fromkeys(name.split(".")[0] for name in arrival.kept if name not in aside(arrival)))


def _place(field: str, character: Character) -> str:
    card = character.card
    prefixes = {PREFIXES[prefix.id]: prefix for prefix in card.prefixes if prefix.id in PREFIXES}
    if field in prefixes:
        near = " (before the last user turn)" if prefixes[field].place == "last_user" else ""
        return f"prefix {prefixes[field].id}{near}"
    if field == "character_book" and card.book is not None:
        entries = card.book.get("entries")
        return f"book, {len(entries)} entries" if isinstance(entries, list | dict) else "book"
    if field == "mes_example" and character.examples:
        turns = sum(len(dialogue.turns) for dialogue in character.examples)
        return f"corpus of {len(character.examples)} dialogues, {turns} turns"
    texts = {
        "first_mes": "greeting" if card.greeting else "",
        "alternate_greetings": f"alternate_greetings, {len(card.alternate_greetings)}"
        if card.alternate_greetings
        else "",
        "tags": f"tags, {len(card.tags)}" if card.tags else "",
        "character_version": f"version {card.version}",
    }
    return texts.get(field, _NAMES.get(field, ""))
