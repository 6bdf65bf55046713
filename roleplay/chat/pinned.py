"""What is different from when a chat was held the last time: card, base, adapter."""

from pydantic import ValidationError

from roleplay.cards.model import Card
from roleplay.chat.store import Pin
from roleplay.text import one_line

_HEARD = ("display_name", "user_name", "language", "prefixes", "greeting", "alternate_greetings", "generation", "book")
"""Fields of a card that a chat can tell; corpora and training belong to the adapter."""


def card_of(pin: Pin | None, card: Card) -> Card | None:
    """The card a chat was begun with, where a chat can tell it from `card`; else `None`."""
    pinned = _read(pin.card if pin is not None else None)
    return pinned if pinned is not None and _differing(pinned, card) else None


def what_changed(pin: Pin | None, card: Card, base: str | None, adapter: str | None) -> tuple[str, ...]:
    """A sentence for each change since `pin`; base and adapter count once the base is known."""
    if pin is None:
        return ()
    told: list[str] = []
    pinned = card_of(pin, card)
    if pinned is not None:
        fields = ", ".join(_differing(pinned, card))
        told.append(
            f"The card has changed since ({fields}). This chat goes on with its own; /card new takes the new one."
        )
    if base is not None:
        for what, before, now in (("base", pin.base, base), ("adapter", pin.adapter, adapter)):
            if before is not None and before != now:
                told.append(f"The {what} was {one_line(before, 80)}, and is {one_line(now or 'none', 80)} now.")
    return tuple(told)


def _differing(pinned: Card, card: Card) -> list[str]:
    return [name for name in _HEARD if getattr(pinned, name) != getattr(card, name)]


def _read(text: str | None) -> Card | None:
    """The card as it was; `None` where nobody kept it, or a later program cannot read it."""
    try:
        return None if text is None else Card.model_validate_json(text)
    except ValidationError:
        return None
