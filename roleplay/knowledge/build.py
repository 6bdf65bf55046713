"""The files of a character's world brought into its index, only what changed and each whole or not at all."""

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from roleplay.errors import Fault, FileFaults, UsageError
from roleplay.knowledge.database import Database, building
from roleplay.knowledge.embed import Embedder
from roleplay.knowledge.passage import Block, Passage
from roleplay.knowledge.source import Source
from roleplay.knowledge.split import BUDGET, OVERLAP, Count, split
from roleplay.knowledge.store import KeptFile, Store
from roleplay.paths import shown
from roleplay.text import one_line

_TOLD = 500
"""Passages after which progress is told within a file."""
_BATCH = 256
"""Passages whose vectors are kept together: what is lost when a build is cut off."""


@dataclass(frozen=True)
class Built:
    """What a build did."""

    read: int
    """Files that were read because they are new or changed."""
    unchanged: int
    """Files left as they were."""
    removed: int
    """Files that are no longer among the sources."""
    passages: int
    """Made from the files that were read."""
    embedded: int
    """Passages that got a vector; those with the words of another have its."""


Read = Callable[[Path], Iterator[Block]]
"""The blocks of a file; raises FileFaults."""
Report = Callable[[int, int, str], None]
"""Told how far a build is: done, of how many, and what is being done."""


def build(
    path: Path,
    sources: Sequence[Source],
    read: Read,
    count: Count,
    embedder: Embedder | None,
    *,
    tokenizer: str,
    budget: int = BUDGET,
    overlap: int = OVERLAP,
    report: Report = lambda done, total, text: None,
) -> Built:
    """Make the index in `path` hold what the sources say, and nothing else.

    A file is read again if its bytes, the budget, the overlap or the `tokenizer` (a name that changes whenever `count`
    does) are others than last time; vectors are made where this embedder made none of the same text. A build that was
    cut off goes on behind the last file, or batch of vectors, that was finished; until then the index answers as
    before. A file that cannot be read keeps its old passages, and all such are named at the end.

    Raises FileFaults for those, StorageError for a full disk and while another process builds, UsageError.
    """
    _check(sources, count, budget, overlap)
    made = f"{budget} {overlap} {tokenizer}"
    with building(path), contextlib.closing(Database(path, write=True)) as database:
        store = Store(database)
        gone = sorted(set(store.files()) - {source.name for source in sources})
        store.remove(gone)
        faults: list[Fault] = []
        results: list[int | None] = []
        for done, source in enumerate(sources):
            told = _Told(report, done, len(sources), source.name)
            try:
                file = _changed(store, source, made)
                blocks = _blocks(source, read)
                passages = split(blocks, count, budget=budget, overlap=overlap, file=source.name)
                results.append(None if file is None else store.replace(file, told.each(passages)))
            except FileFaults as error:
                faults += error.faults
        embedded = _embed(store, embedder, report) if embedder is not None else 0
        store.settle(embedder)
        if faults:
            raise FileFaults(faults)
        new = [result for result in results if result is not None]
        return Built(len(new), len(results) - len(new), len(gone), sum(new), embedded)


def _check(sources: Sequence[Source], count: Count, budget: int, overlap: int) -> None:
    """Tell what is wrong before anything is written."""
    seen: set[str] = set()
    for source in sources:
        if source.name in seen:
            raise UsageError(f"two files would be cited as '{one_line(source.name)}'; rename or leave out one of them")
        seen.add(source.name)
    split([], count, budget=budget, overlap=overlap, file="")


@dataclass(frozen=True)
class _Told:
    """Where a build is in its files."""

    report: Report
    done: int
    total: int
    name: str

    def each(self, passages: Iterable[Passage]) -> Iterator[Passage]:
        """The passages, with news of how many there were."""
        self.report(self.done, self.total, self.name)
        for number, passage in enumerate(passages, 1):
            yield passage
            if number % _TOLD == 0:
                self.report(self.done, self.total, f"{self.name}: {number} passages")


def _changed(store: Store, source: Source, made: str) -> KeptFile | None:
    """The file as it is now; `None` where its passages are in the index already."""
    kept = store.files().get(source.name)
    with _readable(source):
        state = source.path.stat()
        same = kept is not None and (kept.size, kept.changed, kept.made) == (state.st_size, state.st_mtime_ns, made)
        if same:
            return None
        with source.path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    now = KeptFile(source.name, found, state.st_size, state.st_mtime_ns, made)
    if kept is not None and (kept.hash, kept.made) == (now.hash, made):
        store.renew(now)
        return None
    return now


def _blocks(source: Source, read: Read) -> Iterator[Block]:
    with _readable(source):
        yield from read(source.path)


@contextlib.contextmanager
def _readable(source: Source) -> Iterator[None]:
    """Tell a file that the system does not give as a fault of that file."""
    try:
        yield
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}"
        fault = Fault(shown(source.path), None, "", problem, "put it back, or take it off the card")
        raise FileFaults([fault]) from error


def _embed(store: Store, embedder: Embedder, report: Report) -> int:
    """Make the vectors that are lacking, a batch at a time; returns how many passages had none."""
    lacking = store.without_vector(embedder.name)
    for at in range(0, len(lacking), _BATCH):
        report(at, len(lacking), "vectors")
        passages = store.passages(lacking[at : at + _BATCH])
        texts = ["\n".join([*passage.place.headings, passage.text]) for passage in passages.values()]
        vectors = [row.tobytes() for row in embedder.passages(texts)]
        identities = [passage.identity for passage in passages.values()]
        store.keep_vectors(embedder.name, zip(identities, vectors, strict=True))
    return len(lacking)
