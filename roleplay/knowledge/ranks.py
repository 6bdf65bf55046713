"""The two ways of search over a stored index: by words and by vectors."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from roleplay.knowledge.index import any_of, asked
from roleplay.knowledge.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_COMMON = 0.1
"""Share of the passages: a word that more of them hold is not searched for, unless the question has no other."""
_FEW = 2_000
"""So few passages may always hold a word: ranking them takes no time, and in a small index common words help too."""
_WORDS = 48
"""Words of a question that are searched for, the rarest."""
_HEADINGS = 2.0
"""Weight of a word in the headings; in the text it has 1."""
_BY_WORDS = """
SELECT rowid, -bm25(words, ?) AS score FROM words WHERE words MATCH ? ORDER BY score DESC, rowid LIMIT ?
"""


class Ranks(Protocol):
    """Where passages are ranked; a server of vectors can stand here for a corpus that outgrows one machine."""

    def by_words(self, questions: Sequence[tuple[str, float]], k: int) -> list[int]:
        """Numbers of the `k` passages whose words fit best, the best first; questions have weights."""

    def by_vector(self, question: "NDArray[np.float32]", k: int) -> list[int]:
        """Numbers of the `k` passages of greatest cosine with a vector (D,) of length 1, the best first."""


class StoredRanks:
    """Full-text search of SQLite, and exact cosine over all vectors, which are read once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._state: int | None = None
        self._holding: dict[str, int] = {}
        self._total = 0
        self._vectors: tuple[NDArray[np.int64], NDArray[np.float32]] | None = None

    def by_words(self, questions: Sequence[tuple[str, float]], k: int) -> list[int]:
        """BM25 as FTS5 has it (Robertson and Zaragoza 2009), summed over the questions by weight.

        Of each question the best passage counts as one: else a long turn would drown a short question after it.
        """
        self._notice_changes()
        scores: dict[int, float] = {}
        for question, weight in questions:
            words = self._telling(asked(question))
            if words:
                rows = self._store.database.rows(_BY_WORDS, (_HEADINGS, any_of(words), k))
                for number, score in rows:
                    scores[number] = scores.get(number, 0.0) + weight * score / (rows[0][1] or 1.0)
        return sorted(scores, key=lambda number: (-scores[number], number))[:k]

    def by_vector(self, question: "NDArray[np.float32]", k: int) -> list[int]:
        """One product with all vectors, held as one array (N, D)."""
        import numpy as np

        self._notice_changes()
        if self._vectors is None:
            self._vectors = self._read_vectors()
        numbers, vectors = self._vectors
        if not len(numbers):
            return []
        cosines = vectors @ question
        best = np.argpartition(-cosines, k - 1)[:k] if k < len(numbers) else np.arange(len(numbers))
        order = np.lexsort((numbers[best], -cosines[best]))
        return [int(number) for number in numbers[best][order]]

    def _telling(self, words: list[str]) -> list[str]:
        """The words by which passages differ: the rarest, and none that is so common that ranking would take long."""
        limit = max(_FEW, math.ceil(self._total * _COMMON))
        counted = sorted((self._passages_with(word, limit), word) for word in words)
        held = [(count, word) for count, word in counted if count]
        rare = [word for count, word in held if count <= limit]
        return (rare or [word for _, word in held])[:_WORDS]

    def _passages_with(self, word: str, limit: int) -> int:
        """How many passages hold a word, counted no further than one above `limit`."""
        if word not in self._holding:
            query = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)"
            self._holding[word] = self._store.database.rows(query, (any_of([word]), limit + 1))[0][0]
        return self._holding[word]

    def _notice_changes(self) -> None:
        """Forget what was read where another connection has written since."""
        state = self._store.database.rows("PRAGMA data_version")[0][0]
        if state != self._state:
            self._state, self._holding, self._vectors = state, {}, None
            self._total = self._store.database.rows("SELECT count(*) FROM passages")[0][0]

    def _read_vectors(self) -> tuple["NDArray[np.int64]", "NDArray[np.float32]"]:
        """Numbers (N,) of the passages that have a vector, and the vectors (N, D)."""
        import numpy as np

        joined = "FROM passages JOIN vectors ON vectors.embedder = ? AND vectors.identity = passages.identity"
        name = (self._store.embedder,)
        count, size = self._store.database.rows(f"SELECT count(*), max(length(vector)) {joined}", name)[0]
        numbers, vectors = np.empty(count, np.int64), np.empty((count, (size or 0) // 4), np.float32)
        rows = self._store.database.each(f"SELECT passages.id, vector {joined} LIMIT {count}", name)
        row = 0
        for row, (number, vector) in enumerate(rows, 1):
            numbers[row - 1], vectors[row - 1] = number, np.frombuffer(vector, np.float32)
        return numbers[:row], vectors[:row]  # another process may have taken some out meanwhile
