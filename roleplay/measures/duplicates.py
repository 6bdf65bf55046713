"""Texts that say nearly the same."""

from collections.abc import Sequence

from roleplay.measures.near_texts import Alike, NearTexts

SHORTEST = 12
"""Characters of a text that can be told apart from a set phrase; shorter ones may come again."""

NEAR = 0.6
"""Share of common 4-grams from which two texts are one said twice: one letter changed in 19, one sentence in four."""


def near_duplicates(texts: Sequence[str], others: Sequence[str], share: float) -> list[tuple[str, str]]:
    """Pairs of different texts of which at least `share` of the character 4-grams is common (Jaccard, 0 to 1)."""
    long = _long(texts)
    index = NearTexts(Alike(share))
    for i, text in enumerate(long):
        index.add(i, text)
    return [
        (long[match.key], other) for other in _long(others) for match in index.find(other) if long[match.key] != other
    ]


def repeated_share(texts: Sequence[str], share: float = NEAR) -> float:
    """Share of the longer texts that could be left out, because one before them is equal or near, 0 to 1."""
    long = [text for text in texts if len(text) > SHORTEST]
    place = {text: i for i, text in enumerate(_long(texts))}
    near = {other for text, other in near_duplicates(long, long, share) if place[text] < place[other]}
    return (len(long) - len(place) + len(near)) / max(1, len(long))


def _long(texts: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(text for text in texts if len(text) > SHORTEST))
