"""The files of a character's world with their passages and vectors, as they are kept."""

import json
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from roleplay.knowledge.database import Database
from roleplay.knowledge.embed import Embedder
from roleplay.knowledge.index import indexed
from roleplay.knowledge.passage import Passage, Place
from roleplay.sqlite_file import Run

_ADD = (
    "INSERT INTO passages (file, text, tokens, headings, page, line, start, end, identity) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True)
class KeptFile:
    """A file whose passages are in the index."""

    name: str
    """As citations call it."""
    hash: str
    """SHA-256 of its bytes, in hexadecimal."""
    size: int
    """Bytes."""
    changed: int
    """When it was last changed, nanoseconds since 1970."""
    made: str
    """What its passages depend on beside the file: budget, overlap, tokenizer."""


class Store:
    """What is in a file of knowledge."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def files(self) -> dict[str, KeptFile]:
        """The files in the index, by name."""
        rows = self.database.rows("SELECT name, hash, size, changed, made FROM files ORDER BY name")
        return {row[0]: KeptFile(*row) for row in rows}

    def replace(self, file: KeptFile, passages: Iterable[Passage]) -> int:
        """Put these passages in the place of those the file had; at once, however many. Returns their number."""
        with self.database.transaction() as run:
            _take_out(run, file.name)
            values = (file.name, file.hash, file.size, file.changed, file.made, time.time())
            cursor = run("INSERT INTO files (name, hash, size, changed, made, built) VALUES (?, ?, ?, ?, ?, ?)", values)
            number, count = cursor.lastrowid, 0
            for passage in passages:
                _put_in(run, number, passage)
                count += 1
        return count

    def renew(self, file: KeptFile) -> None:
        """Note that a file was written anew and says the same."""
        with self.database.transaction() as run:
            run("UPDATE files SET size = ?, changed = ? WHERE name = ?", (file.size, file.changed, file.name))

    def remove(self, names: Iterable[str]) -> None:
        """Take files out with their passages, all at once."""
        with self.database.transaction() as run:
            for name in names:
                _take_out(run, name)

    def passages(self, numbers: Sequence[int]) -> dict[int, Passage]:
        """Passages by their number in the file; one that is not there is left out."""
        query = (
            "SELECT passages.id, text, tokens, name, headings, page, line, start, end FROM passages "
            "JOIN files ON files.id = passages.file WHERE passages.id IN (SELECT value FROM json_each(?))"
        )
        return {
            number: Passage(text, tokens, Place(name, tuple(json.loads(headings)), *place))
            for number, text, tokens, name, headings, *place in self.database.rows(query, (json.dumps(list(numbers)),))
        }

    def by_identity(self, identities: Collection[str]) -> dict[str, Passage]:
        """Passages by their identity, the first of those that say the same; one that is not there is left out."""
        query = "SELECT min(id) FROM passages WHERE identity IN (SELECT value FROM json_each(?)) GROUP BY identity"
        numbers = [number for (number,) in self.database.rows(query, (json.dumps(list(identities)),))]
        return {passage.identity: passage for passage in self.passages(numbers).values()}

    @property
    def embedder(self) -> str | None:
        """Name of the embedder all of whose vectors are there; `None` where there are none."""
        return self._setting("embedder")

    @property
    def reference(self) -> str | None:
        """What opens that embedder again."""
        return self._setting("reference")

    def _setting(self, key: str) -> str | None:
        return next(
            (value for (value,) in self.database.rows("SELECT value FROM settings WHERE key = ?", (key,))), None
        )

    def without_vector(self, embedder: str) -> list[int]:
        """Numbers of passages that this embedder made no vector of, one for each text."""
        query = (
            "SELECT min(id) FROM passages WHERE identity NOT IN (SELECT identity FROM vectors WHERE embedder = ?) "
            "GROUP BY identity ORDER BY 1"
        )
        return [number for (number,) in self.database.rows(query, (embedder,))]

    def keep_vectors(self, embedder: str, vectors: Iterable[tuple[str, bytes]]) -> None:
        """Keep vectors, float32, by the identity of their passages."""
        with self.database.transaction() as run:
            for identity, vector in vectors:
                run("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", (embedder, identity, vector))

    def settle(self, embedder: Embedder | None) -> None:
        """Note whose vectors are complete, and drop those of others and of texts that are gone."""
        with self.database.transaction() as run:
            run("DELETE FROM settings")
            run("DELETE FROM vectors WHERE embedder IS NOT ?", (None if embedder is None else embedder.name,))
            run("DELETE FROM vectors WHERE identity NOT IN (SELECT identity FROM passages)")
            if embedder is not None:
                for setting in (("embedder", embedder.name), ("reference", embedder.reference)):
                    run("INSERT INTO settings (key, value) VALUES (?, ?)", setting)


def _put_in(run: Run, file: int | None, passage: Passage) -> None:
    place = passage.place
    headings = json.dumps(place.headings, ensure_ascii=False)
    where = (place.page, place.line, place.start, place.end)
    cursor = run(_ADD, (file, passage.text, passage.tokens, headings, *where, passage.identity))
    words = (cursor.lastrowid, indexed("\n".join(place.headings)), indexed(passage.text))
    run("INSERT INTO words (rowid, headings, text) VALUES (?, ?, ?)", words)


def _take_out(run: Run, name: str) -> None:
    of_file = "file = (SELECT id FROM files WHERE name = ?)"
    for number, headings, text in run(f"SELECT id, headings, text FROM passages WHERE {of_file}", (name,)):  # noqa: S608
        words = (number, indexed("\n".join(json.loads(headings))), indexed(text))
        run("INSERT INTO words (words, rowid, headings, text) VALUES ('delete', ?, ?, ?)", words)
    run(f"DELETE FROM passages WHERE {of_file}", (name,))  # noqa: S608
    run("DELETE FROM files WHERE name = ?", (name,))
