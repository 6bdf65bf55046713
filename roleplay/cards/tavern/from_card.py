"""From a native card to the fields of a tavern card."""

from typing import Any

from roleplay.cards.model import KNOWLEDGE, Card, Prefix
from roleplay.cards.tavern.character import Character
from roleplay.cards.tavern.examples import examples_text
from roleplay.cards.tavern.spec import Spec
from roleplay.cards.tavern.to_card import NEAR, PREFIXES


def tavern_fields(character: Character, spec: Spec) -> dict[str, Any]:
    """What other programs can use of `character`, as the fields that `spec` asks for."""
    card = character.card
    fields: dict[str, Any] = {
        "name": card.display_name,
        "description": _text(card, "description"),
        "personality": _text(card, "personality"),
        "scenario": _text(card, "scenario"),
        "first_mes": card.greeting or "",
        "mes_example": examples_text(character.examples),
    }
    if spec not in ("v2", "v3"):
        texts = [_text(card, "system"), fields["description"], _text(card, "post-history")]
        return fields | {"description": "\n\n".join(text for text in texts if text)}
    fields |= {
        "creator_notes": card.description,
        "system_prompt": _text(card, "system"),
        "post_history_instructions": _text(card, "post-history"),
        "alternate_greetings": list(card.alternate_greetings),
        "tags": list(card.tags),
        "creator": card.creator,
        "character_version": card.version,
        "extensions": {},
    }
    if card.book is not None:
        fields["character_book"] = card.book
    if spec == "v3":
        fields["group_only_greetings"] = []
    return fields


def _text(card: Card, field: str) -> str:
    """Prefixes that are on in a new chat and say what `field` says."""
    told = (prefix for prefix in card.prefixes if prefix.default and prefix.id != KNOWLEDGE)
    return "\n\n".join(prefix.text for prefix in told if _field(prefix) == field)


def _field(prefix: Prefix) -> str:
    """The field of a prefix: its own where it has one at that place, else the general one of its place."""
    near = prefix.place == "last_user"
    if prefix.id in PREFIXES and near == (prefix.id in NEAR):
        return prefix.id
    return "post-history" if near else "description"
