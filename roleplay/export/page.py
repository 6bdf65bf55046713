"""The README of an exported folder: front matter that model hubs read, and the persona that goes with the weights."""

from typing import Any

import yaml

from roleplay.cards.model import Card
from roleplay.export.quoting import fenced, marked
from roleplay.export.subject import Subject

_RELATION = {"peft": "adapter", "transformers": "merge"}


def front_matter(card: Card, base: str, library: str) -> str:
    """YAML between two rules; a stranger's strings are quoted as YAML wants them."""
    value: dict[str, Any] = {
        "base_model": base,
        "base_model_relation": _RELATION[library],
        "library_name": library,
        "language": [card.language],
        "tags": list(dict.fromkeys(["lora", "roleplay", *card.tags])),
    }
    if card.license:
        value["license"] = card.license.lower()  # as hubs write SPDX identifiers
    return f"---\n{yaml.safe_dump(value, allow_unicode=True, sort_keys=True)}---\n"


def title(subject: Subject) -> str:
    """What the folder holds, in a heading and a sentence."""
    card, passport = subject.card, subject.passport
    loss = "" if passport.heldout_loss is None else f", held-out loss {passport.heldout_loss:.3f} nats a token"
    return (
        f"# {card.name}\n\n"
        f"{marked(card.display_name)}, tuned on {marked(passport.base.name)} with roleplay "
        f"(optimizer step {passport.step}{loss}).\n"
    )


def persona(system: str, near: str) -> str:
    """The prefixes that are on in a new chat, as text to copy; nothing where the card has none."""
    if not system and not near:
        return ""
    told = "## Persona\n\nThe character was trained with these prefixes, and answers without them too.\n"
    if system:
        told += "\nAs system prompt:\n\n" + fenced(system, "text")
    if near:
        told += "\nBefore the last user turn, and in no turn of the history:\n\n" + fenced(near, "text")
    return told
