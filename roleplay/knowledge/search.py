"""A built index, asked for the passages that fit a question."""

import contextlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from roleplay.errors import NotFound, UsageError
from roleplay.knowledge.database import Database, building
from roleplay.knowledge.embed import Embedder
from roleplay.knowledge.fuse import fuse
from roleplay.knowledge.passage import Found, Passage
from roleplay.knowledge.ranks import Ranks, StoredRanks
from roleplay.knowledge.store import Store
from roleplay.paths import shown
from roleplay.text import clean, did_you_mean, fingerprint

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LONGEST_QUESTION = 2_000
"""Characters of a question, its last ones, that are searched for."""
_DEPTH = 50
"""Places of each way of search that are fused, at least; four times what is wanted if that is more."""
_FADING = 0.25
"""Weight of a question against the one after it."""
_QUESTIONS = 4
"""So many of the last questions are looked at."""


@dataclass(frozen=True)
class FileStats:
    """What a file contributes."""

    name: str
    """As citations call it."""
    passages: int
    """Their number."""
    tokens: int
    """Of all of them, what they repeat of each other included."""
    built: float
    """When, seconds since 1970."""


@dataclass(frozen=True)
class Stats:
    """What an index holds."""

    files: tuple[FileStats, ...]
    """By name."""
    embedder: str | None
    """Whose vectors it has; `None` where it is searched by words alone."""
    vectors: int
    """Passages that have one."""
    size: int
    """Bytes on disk."""

    @property
    def passages(self) -> int:
        """Of all files."""
        return sum(file.passages for file in self.files)

    @property
    def tokens(self) -> int:
        """Of all files."""
        return sum(file.tokens for file in self.files)


class Index:
    """An index opened for reading; builds by others are seen as soon as each of their files is done."""

    def __init__(self, path: Path, ranks: Ranks | None = None) -> None:
        """`ranks` takes the place of the file's own search. Raises NotFound, StorageError."""
        self._path = path
        self._store = Store(Database(path))
        self._ranks = ranks or StoredRanks(self._store)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._store.database.close()

    def search(
        self, question: str | Sequence[str], k: int = 5, *, embedder: Embedder | None = None, text: bool = True
    ) -> list[Found]:
        """The `k` passages that fit best, the best first, none twice; a question without a word finds nothing.

        Of several questions the last is the newest and counts most, each one before it a quarter as much. Any text may
        be asked; of a long one the last 2,000 characters are. Raises StorageError, and UsageError for an embedder whose
        vectors the index does not have.
        """
        if embedder is None and not text:
            raise UsageError("there is nothing to search by; leave text search on or choose an embedder")
        asked = _weighted([question] if isinstance(question, str) else question)
        depth = max(_DEPTH, 4 * k)
        by_words = self._ranks.by_words(asked, depth) if text and asked else []
        by_vector = self._ranks.by_vector(self._vector(asked, embedder), depth) if embedder and asked else []
        return self._found(by_words, by_vector, k)

    def by_identity(self, identities: Collection[str]) -> list[Passage]:
        """These very passages, in this order, as far as they are still there. Raises StorageError."""
        passages = self._store.by_identity(identities)
        return [passages[identity] for identity in identities if identity in passages]

    @property
    def identity(self) -> str:
        """A hash of all passages. Raises StorageError."""
        rows = self._store.database.rows("SELECT identity FROM passages ORDER BY identity")
        return fingerprint("".join(identity for (identity,) in rows))

    def every(self) -> list[Passage]:
        """All passages, in an order that depends on them alone. Raises StorageError."""
        rows = self._store.database.rows("SELECT min(id) FROM passages GROUP BY identity ORDER BY identity")
        numbers = [number for (number,) in rows]
        passages = self._store.passages(numbers)
        return [passages[number] for number in numbers if number in passages]

    @property
    def reference(self) -> str | None:
        """What `open_embedder` opens the embedder of its vectors with; `None` where there are none."""
        return self._store.reference

    def around(self, passage: Passage, reach: int = 1) -> list[Passage]:
        """`passage` between those that stand before and behind it in its file, `reach` of each; it alone if gone.

        Raises StorageError.
        """
        query = (
            "SELECT id FROM passages WHERE file = (SELECT id FROM files WHERE name = ?) AND start {} ? "
            "ORDER BY start {} LIMIT ?"
        )
        place = passage.place
        rows = [
            *self._store.database.rows(query.format("<", "DESC"), (place.file, place.start, reach)),
            *self._store.database.rows(query.format(">", "ASC"), (place.file, place.start, reach)),
        ]
        near = self._store.passages([number for (number,) in rows]).values()
        return sorted([*near, passage], key=lambda one: one.place.start)

    def stats(self) -> Stats:
        """What the index holds. Raises StorageError."""
        rows = self._store.database.rows(
            "SELECT name, count(passages.id), coalesce(sum(tokens), 0), built FROM files "
            "LEFT JOIN passages ON passages.file = files.id GROUP BY files.id ORDER BY name"
        )
        vectors = self._store.database.rows(
            "SELECT count(*) FROM passages JOIN vectors USING (identity) WHERE embedder = ?", (self._store.embedder,)
        )
        files = tuple(FileStats(*row) for row in rows)
        return Stats(files, self._store.embedder, vectors[0][0], self._path.stat().st_size)

    def remove(self, name: str) -> None:
        """Take a file's passages out; a build puts them back if it is still among the sources.

        Raises NotFound for a file that is not there, StorageError while another process builds.
        """
        names = self._store.files()
        if name not in names:
            raise NotFound(f"{shown(self._path)} has no file '{name}'; {did_you_mean(name, names)}")
        with building(self._path), contextlib.closing(Database(self._path, write=True)) as database:
            Store(database).remove([name])

    def _vector(self, asked: Sequence[tuple[str, float]], embedder: Embedder) -> "NDArray[np.float32]":
        """One vector (D,) of length 1 for all questions: their mean by weight."""
        import numpy as np

        if self._store.embedder != embedder.name:
            made = self._store.embedder
            raise UsageError(
                f"{shown(self._path)} has {'vectors of ' + made if made else 'no vectors'}, none of "
                f"{embedder.name}; build it again with that embedder"
            )
        vectors = embedder.questions([question for question, _ in asked])
        mean = np.array([weight for _, weight in asked], np.float32) @ vectors
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), np.float32)

    def _found(self, by_words: list[int], by_vector: list[int], k: int) -> list[Found]:
        word_rank = {number: rank for rank, number in enumerate(by_words, 1)}
        vector_rank = {number: rank for rank, number in enumerate(by_vector, 1)}
        order = fuse([by_words, by_vector])
        passages = self._store.passages([number for number, _ in order])
        found: dict[str, Found] = {}
        for number, score in order:
            passage = passages.get(number)  # a build may just have replaced it
            if passage is not None and passage.identity not in found and len(found) < k:
                found[passage.identity] = Found(passage, score, word_rank.get(number), vector_rank.get(number))
        return list(found.values())


def _weighted(questions: Sequence[str]) -> list[tuple[str, float]]:
    """The last questions that say something, the newest first, each with its weight."""
    told = [cleaned for question in questions if (cleaned := clean(question[-_LONGEST_QUESTION:]).strip())]
    return [(question, _FADING**age) for age, question in enumerate(reversed(told[-_QUESTIONS:]))]
