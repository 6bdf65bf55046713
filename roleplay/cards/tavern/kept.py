"""What of a tavern card a native card has no field for, under `extra.tavern`.

extra:
  tavern:
    crlf: [first_mes]
    fields:
      - {at: '"extensions", "fav"', now: "", was: "false"}
"""

from dataclasses import dataclass
from typing import Any

from roleplay.cards.model import Card
from roleplay.cards.tavern.changes import Change, Path, pack, unpack
from roleplay.cards.tavern.refuse import refused
from roleplay.cards.tavern.spec import Spec

KEY = "tavern"
FAMILY = ("v2", "v3")
"""Formats with something around the fields."""
TIES: dict[Path, Path] = {("nickname",): ("name",), ("group_only_greetings",): ("nothing of ours",)}
"""The nickname is the display name where there is one: it goes when that is edited. Greetings for groups are never
ours, though V3 asks for a list."""


@dataclass(frozen=True)
class Kept:
    """Values of the tavern card that its native card would not give back."""

    spec: Spec | None = None
    """Format of the tavern card; `None` where nothing here depends on it."""
    fields: tuple[Change, ...] = ()
    """Among its fields."""
    outer: tuple[Change, ...] = ()
    """Around them."""
    mirrored: tuple[str, ...] = ()
    """Fields that stand a second time around them, as some programs write them for readers of V1."""
    crlf: tuple[str, ...] = ()
    """Fields whose lines end in a carriage return and a newline."""
    named: bool = True
    """The character was a native card before, and its name travels."""

    def packed(self) -> dict[str, Any]:
        """As values of a card; values of the tavern card are ASCII JSON, which its cleaning leaves alone."""
        fields, outer = pack(self.fields, as_text=True), pack(self.outer, as_text=True)
        known = self.spec if self.outer or self.mirrored or any(change.lacks_field for change in self.fields) else None
        parts = {"spec": known, "named": self.named, "mirrored": list(self.mirrored), "crlf": list(self.crlf)}
        return {key: part for key, part in (parts | {"fields": fields, "outer": outer}).items() if part}


def kept_of(card: Card) -> Kept:
    """What the card keeps. Raises FileFaults where that was damaged."""
    found = card.extra.get(KEY)
    if found is None:
        return Kept()
    try:
        if not isinstance(found, dict) or found.get("spec") not in (None, "v1", "v2", "v3", "pygmalion", "webui"):
            raise ValueError("names no format that is known")
        fields, outer = (tuple(unpack(found.get(key, []), as_text=True)) for key in ("fields", "outer"))
        mirrored, crlf = (_names(found.get(key, [])) for key in ("mirrored", "crlf"))
    except ValueError as error:
        remedy = "import the tavern card again, or remove the key to do without its other fields"
        raise refused(f"the card of {card.name}", str(error), remedy, f"extra.{KEY}") from error
    return Kept(found.get("spec"), fields, outer, mirrored, crlf, named=found.get("named") is True)


def _names(found: Any) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise ValueError("has a list of fields that is none")
    return tuple(found)
