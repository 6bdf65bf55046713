"""Distinct-n: how varied a character's phrases are."""

import re
from collections.abc import Iterable, Sequence

from roleplay.measures.language import Language
from roleplay.measures.overlap import units

_PUNCTUATION = re.compile(r"[^\w\s'’]+|_")


def unit_of(language: Language) -> str:
    """What distinct-n counts in a language."""
    return "words" if language == "en" else "characters"


def distinct(texts: Iterable[str], language: Language, sizes: Sequence[int] = (1, 2, 3)) -> tuple[float, ...]:
    """Different n-grams divided by all n-grams, from 0 to 1, for each n of `sizes` (Li et al. 2016).

    English is counted in words without case, everything else in characters; punctuation is left out, and no n-gram goes
    from one text to the next. It falls as a corpus grows: compare corpora of one size. Without any n-gram it is 0.
    """
    spoken = [units(_PUNCTUATION.sub(" ", text), "en" if language == "en" else "zh") for text in texts]
    shares = []
    for n in sizes:
        grams = [tuple(text[i : i + n]) for text in spoken for i in range(len(text) - n + 1)]
        shares.append(len(set(grams)) / len(grams) if grams else 0.0)
    return tuple(shares)
