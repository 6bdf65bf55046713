"""What a character says twice."""

from collections.abc import Sequence
from dataclasses import dataclass

from roleplay.measures.near_texts import Alike, NearTexts
from roleplay.measures.said import Place, Said


@dataclass(frozen=True)
class Repeat:
    """Something said that stands, or nearly stands, in a second place."""

    place: Place
    """Where it could be left out."""
    other: Place
    """Where it stands too."""
    likeness: float
    """1 where letters and digits are the same, else the share of common 4-grams."""
    text: str
    """What is said."""
    other_text: str
    """What is said there."""


@dataclass(frozen=True)
class Repeats:
    """How much of something could be left out."""

    compared: int
    """Texts that are more than a set phrase."""
    found: tuple[Repeat, ...]
    """One for each text that could be left out, in the order of the files."""

    @property
    def share(self) -> float:
        """Of the texts compared, those that could be left out, 0 to 1."""
        return len(self.found) / max(1, self.compared)


def find_repeats(said: Sequence[Said], alike: Alike) -> Repeats:
    """Equal texts but the first, and of the different ones those that are alike to one that is kept.

    Which are kept does not depend on the order of the files: texts are taken in the order of their letters.
    """
    own = [(at, one) for at, one in enumerate(said) if one.own]
    first: dict[str, int] = {}
    found: list[tuple[int, int, float]] = []
    for at, one in own:
        if one.letters in first:
            found.append((at, first[one.letters], 1.0))
        else:
            first[one.letters] = at
    kept = NearTexts(alike)
    for text in sorted(first):
        near = kept.find(text)
        if near:
            found.append((max(first[text], near[0].key), min(first[text], near[0].key), near[0].likeness))
        else:
            kept.add(first[text], text)
    pairs = tuple(repeat(said[at], said[other], likeness) for at, other, likeness in sorted(found))
    return Repeats(len(own), pairs)


def repeat(one: Said, other: Said, likeness: float) -> Repeat:
    """The pair as a value of its own."""
    return Repeat(one.place, other.place, likeness, one.text, other.text)
