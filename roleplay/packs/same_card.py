"""The card that other programs read is the same as ours: nobody is shown one character and given another."""

from typing import Any

from roleplay.cards.load import CardFile
from roleplay.cards.tavern.luggage import KEY
from roleplay.cards.tavern.own_files import with_own_files
from roleplay.cards.tavern.travel import arrive
from roleplay.errors import FileFaults


def card_differences(card_file: CardFile, tavern: Any) -> list[str]:
    """Fields in which the two say otherwise."""
    card = card_file.card
    if _carried(tavern):
        return ["card.json brings corpora of its own beside those of the pack"]
    # That they are there is enough: reading them all could fill the memory.
    texts = {entry.path.removeprefix(f"{card.name}/"): "" for entry in card.corpora if entry.path}
    try:
        character = arrive(with_own_files(tavern, texts), "card.json", None, card.name).character
    except FileFaults as error:
        return [str(fault) for fault in error.faults]
    theirs = character.card
    aside: dict[str, Any] = {"avatar": None, "knowledge": []}
    mine = card.model_copy(update=aside).model_dump()
    other = theirs.model_copy(update=aside).model_dump()
    for entry in other["corpora"]:
        entry["path"] = str(entry["path"]).replace("{name}", card.name, 1)
    return [f"card.json and the card differ in {key}" for key in mine if mine[key] != other[key]]


def _carried(tavern: Any) -> Any:
    """Corpora within `card.json`, as in cards that are no packs."""
    inside = tavern
    for key in ("data", "extensions", KEY, "files"):
        inside = inside.get(key) if isinstance(inside, dict) else None
    return inside
