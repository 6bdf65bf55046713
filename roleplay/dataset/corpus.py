"""The dialogues a character is trained on: epochs, held-out rows and the gate."""

import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from roleplay.cards.prompt import default_prefixes
from roleplay.dataset.cache import CacheFile
from roleplay.dataset.draws import drawn_prefixes, passes
from roleplay.dataset.sample import Sample, build_sample, check_sample
from roleplay.dataset.unit import Losses, Plan, Unit, Voice
from roleplay.dialogue import Dialogue
from roleplay.text import draw, fingerprint


@dataclass(frozen=True)
class Row:
    """One training sequence of an epoch."""

    unit: Unit
    """What is rendered."""
    active: tuple[str, ...]
    """Prefixes drawn for it."""

    @property
    def group(self) -> str:
        """Its dialogue: what it is resampled with in an interval."""
        return self.unit.dialogue.identity

    @property
    def name(self) -> str:
        """Hash of everything of it that is rendered."""
        return fingerprint(f"{self.unit.identity} {self.unit.answers} {self.active}")


@dataclass(frozen=True)
class CorpusUnits:
    """The units of one corpus entry, or of what is replayed."""

    path: str
    """File, as the person would type it, or the label of what is replayed."""
    kind: str
    """`desc`, `dialogue` or `general`."""
    weight: float
    """Passes in an epoch."""
    train: tuple[Unit, ...]
    """Trained units."""
    heldout: tuple[Unit, ...]
    """Units never trained; those of `general` corpora are all trained, those of what is replayed are not measured."""
    entries: tuple[Dialogue, ...]
    """Every dialogue of it, greetings included."""
    plan: Plan
    """How they were split, and what the limit cost."""
    read_losses: tuple[str, ...] = ()
    """What was dropped or changed when the file was read, for a person."""

    @property
    def dialogues(self) -> int:
        """Number of entries."""
        return len(self.entries)

    @property
    def samples(self) -> int:
        """Trained sequences in a pass."""
        return len(self.train)

    @property
    def heldout_samples(self) -> int:
        """Sequences held out and measured."""
        return len(self.heldout)

    @property
    def losses(self) -> Losses:
        """What the limit cost."""
        return self.plan.losses


@dataclass(frozen=True)
class Corpus:
    """Everything a character is trained on, ready to be rendered."""

    voice: Voice
    """Card, prefixes and renderer."""
    corpora: tuple[CorpusUnits, ...]
    """In card order, then what is replayed."""
    limit: int
    """Longest sequence in tokens."""
    seed: int
    """Of the draws of order and prefixes."""
    max_samples: int | None = None
    """Most rows of an epoch; `None` takes all."""
    cache: CacheFile | None = None
    """Where rows that passed the gate are kept; `None` keeps none."""
    together: bool = False
    """Whether a row has all of the prefixes that are equally likely, or none of them."""
    _samples: dict[Row, Sample] = field(default_factory=dict, repr=False)

    def epoch(self, number: int) -> list[Row]:
        """Rows of one epoch in training order: drawn by a hash of seed, epoch and unit, so always the same.

        With `max_samples` the first of that order are taken: others in each epoch, each corpus with its share.
        """
        return [row for _, row in self._drawn(number)]

    def mix(self, number: int) -> tuple[int, ...]:
        """How many rows of that epoch come from each of `corpora`."""
        drawn = [at for at, _ in self._drawn(number)]
        return tuple(drawn.count(at) for at in range(len(self.corpora)))

    def _drawn(self, number: int) -> list[tuple[int, Row]]:
        """(index of the corpus, row) pairs of an epoch in training order."""
        rows: list[tuple[float, int, Row]] = []
        for at, corpus in enumerate(self.corpora):
            score = functools.partial(_pick_score, self.seed, number)
            for copy, unit in passes(corpus.train, corpus.weight, score):
                parts = (self.seed, number, copy, unit.identity)
                prefixes = () if unit.kind == "general" else self.voice.prefixes
                active = drawn_prefixes(prefixes, parts, together=self.together)
                rows.append((draw(*parts, "order"), at, Row(unit, active)))
        rows.sort(key=lambda found: (found[0], found[2].unit.identity))
        return [(at, row) for _, at, row in rows[: self.max_samples]]

    def sample(self, row: Row) -> Sample:
        """The rendered row; rendered once and kept."""
        if row not in self._samples:
            kept = self._kept.get(row.name)
            self._samples[row] = kept or build_sample(self.voice, row.unit, row.active, self.limit)
        return self._samples[row]

    def heldout(self, active: Collection[str] | None = None) -> list[Row]:
        """Held-out rows with the prefixes `active`; `None` means those that a new chat has on."""
        chosen = default_prefixes(self.voice.prefixes) if active is None else active
        return [Row(unit, tuple(chosen)) for corpus in self.corpora for unit in corpus.heldout]

    def check(self, epochs: int) -> int:
        """The gate, for every different row that `epochs` epochs and evaluation will meet; returns their number.

        What the cache holds has passed it: the cache's name stands for everything a rendering depends on. Raises
        GateError.
        """
        rows = dict.fromkeys(row for number in range(epochs) for row in self.epoch(number))
        rows |= dict.fromkeys(row for active in (None, ()) for row in self.heldout(active))
        passed = dict(self._kept)
        for row in rows:
            sample = self.sample(row)
            if row.name not in self._kept:
                check_sample(self.voice, row.unit, row.active, sample, self.limit)
                passed[row.name] = sample
        if self.cache and len(passed) > len(self._kept):
            self.cache.write([corpus.plan for corpus in self.corpora], passed)
        return len(rows)

    @functools.cached_property
    def _kept(self) -> Mapping[str, Sample]:
        """Samples by the names of their rows, as earlier runs left them."""
        return self.cache.samples if self.cache else {}

    @property
    def longest(self) -> int:
        """Tokens of the longest sequence rendered so far; after `check`, of all."""
        return max(len(sample.ids) for sample in self._samples.values())

    @property
    def fingerprint(self) -> str:
        """Hash of every dialogue, its corpus and its split, and of what comes to mind."""
        lines = [
            f"{c.kind} {c.weight} {unit.identity} {out}"
            for c in self.corpora
            for units, out in ((c.train, False), (c.heldout, True))
            for unit in units
        ]
        known = [] if self.voice.recall is None else [self.voice.recall.identity]
        return fingerprint("\n".join([str(self.limit), *known, *lines]))


def _pick_score(seed: int, epoch: int, unit: Unit) -> float:
    return draw(seed, epoch, unit.identity, "pick")
