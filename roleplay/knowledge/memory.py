"""A character's memory of its books, opened for the base that answers."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from roleplay.cards.model import KNOWLEDGE, Card
from roleplay.cards.prompt import fill
from roleplay.dialogue import Dialogue
from roleplay.errors import NotFound
from roleplay.knowledge.book import Book, read_book
from roleplay.knowledge.embed import Embedder, open_embedder
from roleplay.knowledge.practice import Practice
from roleplay.knowledge.recall import Recall, passage_budget
from roleplay.knowledge.search import Index


class Memory:
    """What a character can recall; what comes of it depends on the chat."""

    def __init__(
        self, card: Card, path: Path, count: Callable[[str], int], context: int, *, by_meaning: bool = True
    ) -> None:
        """`path` is that of the index, there or not; `count` and `context` are the base's, in tokens.

        Not `by_meaning`, it is searched by words alone, though the index has vectors.
        """
        self.card, self.path, self.by_meaning = card, path, by_meaning
        self.book = book_of(card)
        self._count, self._budget = count, passage_budget(context)
        self._index: Index | None = None
        self._embedder: Embedder | None = None

    @property
    def unread(self) -> str:
        """What to do where the card names books that were never read, and would be asked; else empty."""
        asked = any(prefix.id == KNOWLEDGE and prefix.default for prefix in self.card.switches)
        if not (asked and self.card.knowledge) or self.path.is_file():
            return ""
        name = self.card.name
        return f"the books of {name} were not read yet: 'roleplay knowledge build {name}' does that"

    def recall(
        self, pinned: Sequence[str] = (), excluded: Sequence[str] = (), begun_with: Card | None = None
    ) -> Recall:
        """As one chat wishes it, with the book of the card it was `begun_with` where that is another.

        Raises StorageError for an index that cannot be read, UsageError where its embedder is missing.
        """
        return Recall(
            self._opened(),
            self.book if begun_with is None else book_of(begun_with),
            self._count,
            self._budget,
            embedder=self._embedder,
            pinned=pinned,
            excluded=excluded,
        )

    def practice(self, dialogues: Iterable[Dialogue]) -> Practice:
        """For training on these dialogues. Raises what `recall` does, and NotFound where books were never read."""
        index, name = self._opened(), self.card.name
        if index is None and self.card.knowledge:
            raise NotFound(
                f"{name} is trained with its books, and they were not read yet; 'roleplay knowledge build {name}' does "
                f"that, or write 'train: never' at its prefix '{KNOWLEDGE}'"
            )
        return Practice(self.recall(), index.every() if index is not None else (), dialogues)

    def _opened(self) -> Index | None:
        if self._index is None and self.card.knowledge and self.path.is_file():
            index = Index(self.path)
            self._embedder = open_embedder(index.reference) if self.by_meaning else None
            self._index = index
        return self._index

    def close(self) -> None:
        """Close the index."""
        if self._index is not None:
            self._index.close()
            self._index = None


def book_of(card: Card) -> Book | None:
    """The card's own book with its names filled in; `None` where no entry can come to mind."""
    return read_book(card.book, lambda text: fill(text, card))
