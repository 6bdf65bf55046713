"""The texts that are nearly like another, found among many without comparing each with each."""

import unicodedata
import zlib
from dataclasses import dataclass
from typing import Any

_GRAM = 4
_PERMUTATIONS = 128
_RECALL = 0.999


class Alike:
    """What counts as alike, and the MinHash of every text that was ever asked about (`datasketch`)."""

    def __init__(self, share: float) -> None:
        """`share` is the least share of character 4-grams that two texts have in common (Jaccard), above 0 to 1."""
        from datasketch import MinHash

        self.share = share
        self.bands, self.rows = _bands(share)
        self._empty = MinHash(num_perm=self.bands * self.rows, hashfunc=zlib.crc32)
        self._known: dict[str, Any] = {}

    def signature(self, text: str) -> Any:
        """Its MinHash, computed once."""
        if text not in self._known:
            found = self._empty.copy()
            found.update_batch([gram.encode() for gram in grams(text)])
            self._known[text] = found
        return self._known[text]


@dataclass(frozen=True)
class Match:
    """A text found in the index."""

    key: int
    """The number it was added under."""
    likeness: float
    """Share of the 4-grams of both that both have, 0 to 1."""


class NearTexts:
    """An index of texts.

    Locality-sensitive hashing proposes, an exact comparison decides: nothing false is found, and of the texts that are
    just alike enough at most one in a thousand is missed. Equal texts are never missed.
    """

    def __init__(self, alike: Alike) -> None:
        """`alike` is shared by the indexes over the same texts."""
        from datasketch import MinHashLSH

        self._alike = alike
        self._texts: dict[int, str] = {}
        self._index = MinHashLSH(params=(alike.bands, alike.rows), num_perm=alike.bands * alike.rows)

    def add(self, key: int, text: str) -> None:
        """Put a text under a number that is not taken."""
        self._texts[key] = text
        self._index.insert(key, self._alike.signature(text))

    def find(self, text: str) -> list[Match]:
        """The texts that are alike, the most alike first."""
        own = grams(text)
        found = []
        for key in self._index.query(self._alike.signature(text)):
            other = grams(self._texts[key])
            common = len(own & other)
            likeness = common / (len(own) + len(other) - common)
            if likeness >= self._alike.share:
                found.append(Match(key, likeness))
        return sorted(found, key=lambda match: (-match.likeness, match.key))


def grams(text: str) -> set[str]:
    """The character 4-grams of a text; the text itself where it is shorter."""
    return {text[i : i + _GRAM] for i in range(max(1, len(text) - _GRAM + 1))}


def likeness(one: str, other: str) -> float:
    """Share of the 4-grams of letters of both that both have, 0 to 1."""
    own, others = grams(letters(one)), grams(letters(other))
    return len(own & others) / len(own | others)


def letters(text: str) -> str:
    """What two texts are compared by: letters and digits without case and width; the text itself if it has none."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in folded if char.isalnum()) or folded.strip()


def _bands(share: float) -> tuple[int, int]:
    """Bands and rows of the index: as many rows as still find `_RECALL` of the pairs that are just alike enough."""
    rows = 1
    for more in range(2, _PERMUTATIONS // 2 + 1):
        if (1 - share**more) ** (_PERMUTATIONS // more) > 1 - _RECALL:
            break
        rows = more
    return _PERMUTATIONS // rows, rows
