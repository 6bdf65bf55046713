"""From a card's corpora to what training and evaluation read: units, splits, epochs and their counts."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from roleplay.cards.load import CardFile, resolve_corpus
from roleplay.cards.model import TEMPLATE_DEFAULT, Card, Prefix
from roleplay.cards.prompt import default_prefixes
from roleplay.corpora.native import read_native
from roleplay.dataset.render import Renderer
from roleplay.dataset.sample import Sample, build_sample, check_sample
from roleplay.dataset.unit import Losses, Unit, Voice, needs_prefixes, plan_units
from roleplay.dialogue import Dialogue, Turn
from roleplay.errors import Fault, FileFaults, GateError, NotFound
from roleplay.paths import shown
from roleplay.text import draw, fingerprint

HELDOUT_SHARE = 0.1


@dataclass(frozen=True)
class Row:
    """One training sequence of an epoch."""

    unit: Unit
    """What is rendered."""
    active: tuple[str, ...]
    """Prefixes drawn for it."""


@dataclass(frozen=True)
class CorpusUnits:
    """The units of one corpus entry."""

    path: str
    """File, as the person would type it."""
    kind: str
    """`desc`, `dialogue` or `general`."""
    weight: float
    """Passes in an epoch."""
    train: tuple[Unit, ...]
    """Trained units."""
    heldout: tuple[Unit, ...]
    """Units never trained; those of `general` corpora are all trained."""
    dialogues: int
    """Entries of the file."""
    losses: Losses
    """What the limit cost."""


@dataclass(frozen=True)
class Corpus:
    """Everything a character is trained on, ready to be rendered."""

    voice: Voice
    """Card, prefixes and renderer."""
    corpora: tuple[CorpusUnits, ...]
    """In card order."""
    limit: int
    """Longest sequence in tokens."""
    seed: int
    """Of the draws of order and prefixes."""
    _samples: dict[Row, Sample] = field(default_factory=dict, repr=False)

    def epoch(self, number: int) -> list[Row]:
        """Rows of one epoch in training order: drawn by a hash of seed, epoch and unit, so always the same."""
        rows: list[tuple[float, Row]] = []
        for corpus in self.corpora:
            for copy, unit in _weighted(corpus, self.seed, number):
                parts = (self.seed, number, copy, unit.identity)
                active = () if unit.kind == "general" else _drawn(self.voice.prefixes, parts)
                rows.append((draw(*parts, "order"), Row(unit, active)))
        return [row for _, row in sorted(rows, key=lambda pair: (pair[0], pair[1].unit.identity))]

    def sample(self, row: Row) -> Sample:
        """The rendered row; rendered once and kept."""
        if row not in self._samples:
            self._samples[row] = build_sample(self.voice, row.unit, row.active, self.limit)
        return self._samples[row]

    def heldout(self, active: Collection[str] | None = None) -> list[Row]:
        """Held-out rows with the prefixes `active`; `None` means those that a new chat has on."""
        chosen = default_prefixes(self.voice.prefixes) if active is None else active
        return [Row(unit, tuple(chosen)) for corpus in self.corpora for unit in corpus.heldout]

    def check(self, epochs: int) -> int:
        """The gate, for every different row that `epochs` epochs and evaluation will meet; returns their number.

        Raises GateError.
        """
        rows = dict.fromkeys(row for number in range(epochs) for row in self.epoch(number))
        rows |= dict.fromkeys(row for active in (None, ()) for row in self.heldout(active))
        for row in rows:
            check_sample(self.voice, row.unit, row.active, self.sample(row), self.limit)
        return len(rows)

    @property
    def longest(self) -> int:
        """Tokens of the longest sequence rendered so far; after `check`, of all."""
        return max(len(sample.ids) for sample in self._samples.values())

    @property
    def fingerprint(self) -> str:
        """Hash of every dialogue, its corpus and its split."""
        lines = [
            f"{c.kind} {c.weight} {u.identity} {u in c.heldout}" for c in self.corpora for u in c.train + c.heldout
        ]
        return fingerprint("\n".join([str(self.limit), *lines]))


def card_prefixes(card: Card, renderer: Renderer) -> tuple[Prefix, ...]:
    """The card's switches, led by the template's own system prompt where it has one (off, never trained)."""
    default = renderer.traits.default_system
    own = [Prefix(id=TEMPLATE_DEFAULT, text=default, default=False, train="never")] if default else []
    return (*own, *card.prefixes)


def build_corpus(card_file: CardFile, renderer: Renderer, *, limit: int, seed: int) -> Corpus:
    """Read, split and plan every corpus of a card. Raises FileFaults, NotFound or GateError."""
    card = card_file.card
    if not card.corpora:
        raise NotFound(f"{shown(card_file.path)} names no corpus; add 'corpora: [{{path: …, kind: dialogue}}]'")
    voice = Voice(card, card_prefixes(card, renderer), renderer)
    parts: list[CorpusUnits] = []
    faults: list[Fault] = []
    for i, entry in enumerate(card.corpora):
        path = resolve_corpus(card_file.path, entry)
        general = entry.kind == "general"
        try:
            dialogues = read_native(path, allow_system=general)
        except FileFaults as error:
            faults += error.faults
            continue
        if not general:
            dialogues = dialogues + _greetings(card_file, i)
        parts.append(_plan(voice, shown(path), entry.kind, entry.weight, dialogues, limit))
    if faults:
        raise FileFaults(faults)
    if not any(corpus.train for corpus in parts):
        lost = sum(corpus.losses.dropped for corpus in parts)
        raise GateError(
            f"{shown(card_file.path)}: no sample is left to train "
            f"({lost} answers dropped at a limit of {limit} tokens); shorten the prefixes or raise --max-length"
        )
    return Corpus(voice, tuple(parts), limit, seed)


def _greetings(card_file: CardFile, entry: int) -> list[Dialogue]:
    """The card's greetings as openings, with the first `dialogue` corpus only, else with the first `desc` corpus."""
    card = card_file.card
    kinds = [corpus.kind for corpus in card.corpora]
    if entry != kinds.index("dialogue" if "dialogue" in kinds else "desc"):
        return []
    texts = [text for text in (card.greeting, *card.alternate_greetings) if text]
    return [Dialogue((Turn("assistant", text.strip()),), f"{shown(card_file.path)}: greeting") for text in texts]


def _plan(voice: Voice, path: str, kind: str, weight: float, dialogues: Sequence[Dialogue], limit: int) -> CorpusUnits:
    drawn: list[tuple[str, ...]] = [()]
    if kind != "general":
        everything = tuple(p.id for p in voice.prefixes if p.train_probability > 0 or p.default)
        drawn = [everything, tuple(p.id for p in voice.prefixes if p.train_probability == 1)]
    train: list[Unit] = []
    heldout: list[Unit] = []
    losses = Losses()
    out = set() if kind == "general" else heldout_identities(dialogues)
    for dialogue in dialogues:
        units = plan_units(voice, dialogue, kind, drawn, limit, losses)
        if dialogue.identity in out:  # every held-out answer is asked for with and without prefixes
            heldout += [unit for unit in units if not needs_prefixes(voice, unit)]
        else:
            train += units
    return CorpusUnits(path, kind, weight, tuple(train), tuple(heldout), len(dialogues), losses)


def heldout_identities(dialogues: Sequence[Dialogue]) -> set[str]:
    """A tenth of the dialogues, by a hash of their text: the same ones whatever is added or reordered.

    Where chance picks none of several, the one nearest to being picked; never all; openings alone are never held out.
    """
    scores = {d.identity: draw(d.identity, "heldout") for d in dialogues if len(d.turns) > 1}
    out = {identity for identity, score in scores.items() if score < HELDOUT_SHARE}
    if not out and len(scores) > 1:
        out = {min(scores, key=lambda identity: scores[identity])}
    if out and len(out) == len(scores):
        out.remove(max(scores, key=lambda identity: scores[identity]))
    return out


def _weighted(corpus: CorpusUnits, seed: int, epoch: int) -> Iterator[tuple[int, Unit]]:
    """(copy, unit) pairs of an epoch: whole passes, and for the rest of the weight a part drawn anew each epoch.

    No corpus is so small that an epoch leaves it out.
    """
    units = corpus.train
    whole = int(corpus.weight)
    for copy in range(whole):
        yield from ((copy, unit) for unit in units)
    rest = round((corpus.weight - whole) * len(units)) or int(whole == 0)
    ranked = sorted(units, key=lambda unit: draw(seed, epoch, unit.identity, "pick"))
    yield from ((whole, unit) for unit in ranked[:rest])


def _drawn(prefixes: Sequence[Prefix], parts: tuple[object, ...]) -> tuple[str, ...]:
    return tuple(p.id for p in prefixes if draw(*parts, "prefix", p.id) < p.train_probability)
