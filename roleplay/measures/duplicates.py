"""Texts that say nearly the same."""

from collections import Counter, defaultdict
from collections.abc import Sequence

SHORTEST = 12
"""Characters of a text that can be told apart from a set phrase; shorter ones may come again."""

_GRAM = 4


def near_duplicates(texts: Sequence[str], others: Sequence[str], share: float) -> list[tuple[str, str]]:
    """Pairs of different texts whose character 4-grams overlap by more than `share` (Jaccard, 0 to 1)."""
    long = _long(texts)
    sets = [_grams(text) for text in long]
    holders: dict[str, list[int]] = defaultdict(list)
    for i, grams in enumerate(sets):
        for gram in grams:
            holders[gram].append(i)
    pairs = []
    for other in _long(others):
        grams = _grams(other)
        common = Counter(i for gram in grams for i in holders.get(gram, ()))
        pairs += [
            (long[i], other)
            for i, count in common.items()
            if long[i] != other and count > share * (len(sets[i]) + len(grams) - count)
        ]
    return pairs


def repeated_share(texts: Sequence[str], share: float = 0.6) -> float:
    """Share of the longer texts that could be left out, because one before them is equal or near, 0 to 1."""
    long = [text for text in texts if len(text) > SHORTEST]
    place = {text: i for i, text in enumerate(_long(texts))}
    near = {other for text, other in near_duplicates(long, long, share) if place[text] < place[other]}
    return (len(long) - len(place) + len(near)) / max(1, len(long))


def _long(texts: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(text for text in texts if len(text) > SHORTEST))


def _grams(text: str) -> set[str]:
    return {text[i : i + _GRAM] for i in range(len(text) - _GRAM + 1)}
