"""Pairs that say the same as another one, or the opposite: in the same words, or nearly."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from roleplay.corpora.pairs import Pair
from roleplay.corpora.review import Decision
from roleplay.measures.near_texts import Alike, NearTexts, letters, likeness

NEAR = 0.8
"""Share of common 4-grams of the question with both replies from which two pairs are nearly one."""
ALIKE = 0.9
"""Share of common 4-grams of two replies from which there is hardly a choice between them."""
_WORDS = {
    (True, True): "contradicts",
    (True, False): "nearly contradicts",
    (False, True): "is the same as",
    (False, False): "is nearly the same as",
}
"""By whether they are opposed, and whether their words are the same."""


@dataclass(frozen=True)
class Link:
    """What a pair has to do with another one."""

    other: int
    """Place of the other pair, counted from 0."""
    crossed: bool
    """Whether the better reply of one is the worse of the other."""
    equal: bool
    """Whether their words are the same, the conversation before them included."""


@dataclass(frozen=True)
class Likenesses:
    """What was found among the pairs of a file, before anything is decided about them."""

    links: tuple[tuple[Link, ...], ...]
    """Of each pair, by the place of the other."""
    alike: frozenset[int]
    """Places of the pairs whose own two replies are nearly the same."""

    def flags(self, at: int, decisions: Sequence[Decision | None]) -> list[str]:
        """What to look at in a pair, a phrase each; none of a dropped pair, and none about one."""
        if decisions[at] == "dropped":
            return []
        told = ["its replies are nearly the same"] if at in self.alike else []
        for link in self.links[at]:
            if decisions[link.other] != "dropped":
                turned = (decisions[at] == "flipped") != (decisions[link.other] == "flipped")
                told.append(f"{_WORDS[link.crossed != turned, link.equal]} pair {link.other + 1}")
        return told


def likenesses(pairs: Sequence[Pair]) -> Likenesses:
    """Compare every pair with every other, and its own two replies."""
    found: dict[tuple[int, int], Link] = {}
    for one, other in _equal(pairs):
        found[one, other] = Link(other, pairs[one].chosen != pairs[other].chosen, True)
    for one, other in _near(pairs):
        found.setdefault((one, other), Link(other, _crossed(pairs[one], pairs[other]), False))
    links: list[list[Link]] = [[] for _ in pairs]
    for (one, _), link in sorted(found.items()):
        links[one].append(link)
        links[link.other].append(Link(one, link.crossed, link.equal))
    own = (at for at, pair in enumerate(pairs) if likeness(pair.chosen, pair.rejected) >= ALIKE)
    return Likenesses(tuple(tuple(sorted(of, key=lambda link: link.other)) for of in links), frozenset(own))


def _equal(pairs: Sequence[Pair]) -> Iterator[tuple[int, int]]:
    """Places of two pairs with the same conversation and the same two replies, either way round."""
    places: dict[tuple[str, frozenset[str]], list[int]] = defaultdict(list)
    for at, pair in enumerate(pairs):
        places[pair.context, frozenset((pair.chosen, pair.rejected))].append(at)
    for same in places.values():
        yield from combinations(same, 2)


def _near(pairs: Sequence[Pair]) -> Iterator[tuple[int, int]]:
    """Places of two pairs with nearly the same question and replies, whatever was said before."""
    index = NearTexts(Alike(NEAR))
    for at, pair in enumerate(pairs):
        replies = sorted((letters(pair.chosen), letters(pair.rejected)))
        text = "\n".join((letters(pair.turns[-1].text), *replies))
        for match in index.find(text):
            yield match.key, at
        index.add(at, text)


def _crossed(one: Pair, other: Pair) -> bool:
    straight = likeness(one.chosen, other.chosen) + likeness(one.rejected, other.rejected)
    return likeness(one.chosen, other.rejected) + likeness(one.rejected, other.chosen) > straight
