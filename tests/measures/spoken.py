"""Sayings for the tests of repeats and leaks."""

from roleplay.measures.near_texts import letters
from roleplay.measures.said import Place, Said


def said(text: str, at: int = 1, *, heldout: bool = False, turn: int | None = 2, trail: str | None = None) -> Said:
    """One saying, in the dialogue of line `at`."""
    behind = f"{at}/{turn}" if trail is None else trail
    return Said(text, letters(text), Place(f"talk.yaml:{at}", turn), "dialogue", heldout, True, behind)
