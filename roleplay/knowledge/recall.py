"""What comes to mind with the last turns: pinned passages, lore by its keys, then what search finds."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Protocol

from roleplay.dialogue import Turn
from roleplay.knowledge.book import Book
from roleplay.knowledge.embed import Embedder
from roleplay.knowledge.passage import Found, Passage, Recalled
from roleplay.text import fingerprint

K = 5
"""Passages that search brings, at most."""
_TURNS = 3
"""Turns that are searched with, the last ones: what is asked now may say 'and there?' alone."""
_REMEMBERED = 64
_SHARE = 4
_MOST = 1024


def passage_budget(context: int) -> int:
    """Tokens for passages in a context: a quarter, so that history keeps its room, and no more than 1,024."""
    return min(context // _SHARE, _MOST)


class Searched(Protocol):
    """Whatever can be asked for passages."""

    def search(self, question: str | Sequence[str], k: int, *, embedder: Embedder | None) -> list[Found]:
        """The best `k`, the newest question last."""
        ...

    def by_identity(self, identities: Collection[str]) -> list[Passage]:
        """These very passages, as far as they are still there."""
        ...

    @property
    def identity(self) -> str:
        """Changes with the passages."""
        ...


class Recall:
    """A character's memory of its books, asked with turns; the same turns bring the same passages."""

    def __init__(
        self,
        index: Searched | None,
        book: Book | None,
        count: Callable[[str], int],
        budget: int,
        *,
        embedder: Embedder | None = None,
        pinned: Sequence[str] = (),
        excluded: Collection[str] = (),
    ) -> None:
        """`count` tells the tokens of a text, `budget` is what all passages may take together.

        `pinned` and `excluded` are identities of passages: the ones always come, the others never.
        """
        self.index, self.book, self.count, self.budget = index, book, count, budget
        self.embedder, self.pinned, self.excluded = embedder, tuple(pinned), frozenset(excluded)
        self._known: OrderedDict[tuple[Turn, ...], tuple[Recalled, ...]] = OrderedDict()

    def __call__(self, turns: Sequence[Turn]) -> tuple[str, ...]:
        """The texts for the prompt."""
        return tuple(as_told(recalled.passage) for recalled in self.found(turns))

    @property
    def identity(self) -> str:
        """Changes with what there is to come to mind."""
        known = "" if self.index is None else self.index.identity
        return fingerprint(f"{known} {self.book} {self.budget} {self.pinned} {sorted(self.excluded)}")

    def cost(self, passage: Passage) -> int:
        """Tokens that a passage takes in a prompt, the line's end included."""
        return self.count(as_told(passage)) + 1

    def found(self, turns: Sequence[Turn]) -> tuple[Recalled, ...]:
        """What comes to mind, what was wished first. Raises StorageError where the index cannot be read."""
        depth = max(_TURNS, self.book.depth if self.book is not None else 0)
        last = tuple(turns[-depth:])
        if last not in self._known:
            self._known[last] = tuple(self._fitting(self._found(last)))
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return self._known[last]

    def _found(self, turns: Sequence[Turn]) -> Iterator[Recalled]:
        if self.pinned:
            there = {passage.identity: passage for passage in self._pinned()}
            yield from (Recalled(there[identity], "pinned") for identity in self.pinned if identity in there)
        if self.book is not None:
            for entry in self.book.recall(turns, self.count, self.budget):
                yield Recalled(entry.as_passage(self.count), "book")
        asked = [turn.text for turn in turns[-_TURNS:] if turn.role != "system"]
        if self.index is not None and asked:
            found = self.index.search(asked, K + len(self.excluded), embedder=self.embedder)
            wanted = [one for one in found if one.passage.identity not in self.excluded]
            yield from (Recalled(one.passage, "found", one.score) for one in wanted[:K])

    def _pinned(self) -> Iterator[Passage]:
        if self.book is not None:
            yield from (entry.as_passage(self.count) for entry in self.book.by_identity(self.pinned))
        if self.index is not None:
            yield from self.index.by_identity(self.pinned)

    def _fitting(self, recalled: Iterable[Recalled]) -> Iterator[Recalled]:
        """Each passage once, as far as the budget goes; what is too long makes way for what comes after it."""
        room, seen = self.budget, set(self.excluded)
        for one in recalled:
            tokens = self.cost(one.passage)
            if one.passage.identity not in seen and tokens <= room:
                seen.add(one.passage.identity)
                room -= tokens
                yield one


def as_told(passage: Passage) -> str:
    """A passage as it stands in a prompt: behind its last heading, without which many say little."""
    heading = passage.place.headings[-1] if passage.place.headings else ""
    return f"- {heading}: {passage.text}" if heading else f"- {passage.text}"
