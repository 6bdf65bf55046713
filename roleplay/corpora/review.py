"""What a person decides about the pairs of a file; decisions outlive a crash, and the file is written when asked.

Beside `pairs.jsonl` they wait in `pairs.jsonl.review.json`, each under the identity of its pair, until they are saved.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from roleplay.corpora.pairs import Pair, pair_lines, read_pairs, write_pairs
from roleplay.errors import Fault, FileFaults, StorageError
from roleplay.paths import shown, storing, write_file
from roleplay.text import fingerprint

Decision = Literal["kept", "flipped", "dropped"]
"""As it is, with its replies changed about, or out of the file."""
DECISIONS: tuple[Decision, ...] = ("kept", "flipped", "dropped")


class _Waiting(BaseModel):
    """The file of decisions."""

    model_config = ConfigDict(extra="forbid", strict=True)

    decisions: dict[str, Decision]
    saving: str = ""
    """Hash of the file of pairs that these lead to; a file that has it needs them no more."""


class Review:
    """The pairs of a file as it lies on disk, with a decision or none about each."""

    def __init__(self, path: Path, pairs: Sequence[Pair], seen: str | None) -> None:
        """`seen` is the hash of the file that `pairs` were read from."""
        self.path, self._seen = path, seen
        self.written: int | None = None
        """Pairs that were saved last; `None` where nothing was."""
        self._begin(list(pairs), [None] * len(pairs))

    def _begin(self, pairs: list[Pair], decisions: list[Decision | None]) -> None:
        self.pairs, self.decisions = pairs, decisions
        self._saved = list(decisions)
        self._past: list[tuple[int, Decision | None]] = []
        self._names = list(_names(pairs))

    @property
    def sidecar(self) -> Path:
        """Where decisions wait."""
        return self.path.with_name(f"{self.path.name}.review.json")

    @property
    def counts(self) -> dict[str, int]:
        """How many pairs are kept, flipped, dropped and undecided."""
        found = Counter(self.decisions)
        return {**{what: found[what] for what in DECISIONS}, "undecided": found[None]}

    @property
    def unsaved(self) -> bool:
        """Whether something was decided that is not written to the file."""
        return self.decisions != self._saved

    @property
    def changed_on_disk(self) -> bool:
        """Whether the file is another than it was when it was read or written here."""
        return _hash(self.path) != self._seen

    def shown(self, at: int) -> Pair:
        """A pair as it would be written; a dropped one as it lies in the file."""
        return flipped(self.pairs[at]) if self.decisions[at] == "flipped" else self.pairs[at]

    def next_undecided(self, at: int) -> int | None:
        """The first pair after `at` without a decision, at last from the beginning on; `None` where there is none."""
        count = len(self.pairs)
        return next((i % count for i in range(at + 1, at + count + 1) if self.decisions[i % count] is None), None)

    def decide(self, at: int, what: Decision) -> None:
        """Decide about a pair.

        Raises StorageError where a crash would lose the decision; it holds nevertheless.
        """
        if self.decisions[at] != what:
            self._past.append((at, self.decisions[at]))
            self.decisions[at] = what
            self._wait()

    def undo(self) -> int | None:
        """Take the last decision since the file was written back; returns which pair it was about. Raises as above."""
        if not self._past:
            return None
        at, self.decisions[at] = self._past.pop()
        self._wait()
        return at

    def result(self) -> list[Pair]:
        """The pairs that would be written."""
        return [self.shown(at) for at, what in enumerate(self.decisions) if what != "dropped"]

    def save(self) -> None:
        """Write the file, whole or not at all; what was decided about the pairs in it counts as kept from then on.

        Raises StorageError, also where every pair is dropped.
        """
        left = self.result()
        if not left:
            raise StorageError(f"every pair of {shown(self.path)} is dropped; keep one, or remove the file yourself")
        there = fingerprint("".join(pair_lines(left)))
        self._wait(there)
        write_pairs(self.path.resolve(), left)  # a link stays one
        self.discard()
        decided = [what for what in self.decisions if what != "dropped"]
        self._begin(left, [None if what is None else "kept" for what in decided])
        self._seen, self.written = there, len(left)

    def discard(self) -> None:
        """Remove the decisions that wait; those in memory stay. Raises StorageError."""
        with storing(self.sidecar):
            self.sidecar.unlink(missing_ok=True)

    def take_up(self) -> None:
        """Decide as in a review that was not saved; one that was killed right after saving is done.

        Raises FileFaults where the decisions are damaged.
        """
        waiting = _read(self.sidecar)
        if waiting is not None and waiting.saving == self._seen:
            self.discard()
        elif waiting is not None:
            self.decisions = [waiting.decisions.get(name) for name in self._names]

    def _wait(self, saving: str = "") -> None:
        if not (self.unsaved or saving):
            self.discard()
            return
        decided = {name: what for name, what in zip(self._names, self.decisions, strict=True) if what is not None}
        write_file(self.sidecar, _Waiting(decisions=decided, saving=saving).model_dump_json(indent=1) + "\n")


def open_review(path: Path) -> Review:
    """The pairs of a file with what was decided before. Raises FileFaults for it, and for a damaged file beside it."""
    seen = _hash(path)  # before it is read: what changes meanwhile is noticed when it is saved
    review = Review(path, read_pairs(path), seen)
    review.take_up()
    return review


def flipped(pair: Pair) -> Pair:
    """The pair with its replies, and where they come from, changed about."""
    about = replace(pair.provenance, chosen=pair.provenance.rejected, rejected=pair.provenance.chosen)
    return replace(pair, chosen=pair.rejected, rejected=pair.chosen, provenance=about)


def _names(pairs: Iterable[Pair]) -> Iterator[str]:
    """Identities; of a pair that stands there again, with the number of the time."""
    times = Counter[str]()
    for identity in (pair.identity for pair in pairs):
        times[identity] += 1
        yield identity if times[identity] == 1 else f"{identity} {times[identity]}"


def _hash(path: Path) -> str | None:
    """Of what is in a file; `None` where it cannot be read."""
    try:
        return fingerprint(path.read_bytes())
    except OSError:
        return None


def _read(path: Path) -> _Waiting | None:
    try:
        return _Waiting.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        remedy = "remove it: the pairs themselves are untouched"
        fault = Fault(shown(path), None, "", "cannot be read as the decisions of a review", remedy)
        raise FileFaults([fault]) from error
