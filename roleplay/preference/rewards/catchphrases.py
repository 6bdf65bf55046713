"""A reward for catchphrases that are used no more often than the corpus uses them."""

from collections.abc import Sequence
from dataclasses import dataclass

from roleplay.preference.rewards.judged import Judge, Judged


@dataclass(frozen=True)
class _Phrase:
    text: str
    """In lower case."""
    share: float
    """Of the corpus's answers, those that hold it."""
    most: int
    """How often it stands in one answer at most; at least 1."""


def catchphrases(phrases: Sequence[str], own: Sequence[str]) -> Judge:
    """1 for replies that over-use none of `phrases`, whose names are filled in; the norm are the answers of `own`.

    A phrase in more of the replies of a step than in as many answers costs each reply that holds it: in twice as many,
    a half. So does one that stands in a reply more often than in any answer. One reply in a step may always hold it.
    """
    folded = [text.casefold() for text in own]
    known = [_known(phrase.casefold(), folded) for phrase in phrases]

    def judge(judged: Sequence[Judged]) -> list[float]:
        texts = [one.text.casefold() for one in judged]
        worth = [float(bool(text.strip())) for text in texts]
        for phrase in known:
            counts = [text.count(phrase.text) for text in texts]
            holding = sum(count > 0 for count in counts)
            usual = max(1.0, phrase.share * len(texts))
            for at, count in enumerate(counts):
                if count:
                    worth[at] = min(worth[at], min(1.0, usual / holding) * min(1.0, phrase.most / count))
        return worth

    return judge


def _known(phrase: str, own: Sequence[str]) -> _Phrase:
    counts = [text.count(phrase) for text in own]
    return _Phrase(phrase, sum(count > 0 for count in counts) / max(1, len(counts)), max([1, *counts]))
