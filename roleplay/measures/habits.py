"""What a character says again and again: catchphrases, and answers of one word."""

from collections.abc import Sequence
from dataclasses import dataclass

from roleplay.measures.language import is_one_word
from roleplay.measures.said import Said


@dataclass(frozen=True)
class Catchphrase:
    """A catchphrase of the card."""

    text: str
    """As the card writes it, names filled in."""
    answers: int
    """Answers of the character that hold it, case apart."""
    share: float
    """Of all answers of the character, 0 to 1."""


@dataclass(frozen=True)
class Habits:
    """Of the character's own answers; those of `general` corpora are nobody's manner."""

    answers: int
    """How many there are."""
    catchphrases: tuple[Catchphrase, ...]
    """In card order."""
    one_word: float
    """Share of answers of one word, or of at most two Chinese characters, 0 to 1."""


def habits_of(answers: Sequence[Said], catchphrases: Sequence[str]) -> Habits:
    """Count them; `catchphrases` have their names filled in."""
    own = [answer.text for answer in answers if answer.kind != "general"]
    folded = [text.casefold() for text in own]
    everything = max(1, len(own))
    phrases = []
    for phrase in catchphrases:
        holding = sum(phrase.casefold() in text for text in folded)
        phrases.append(Catchphrase(phrase, holding, holding / everything))
    return Habits(len(own), tuple(phrases), sum(is_one_word(text) for text in own) / everything)
