"""What a dataset holds, in numbers a person can check."""

from dataclasses import dataclass
from typing import Any

from roleplay.dataset.trainable import Trainable


@dataclass(frozen=True)
class CorpusCounts:
    """Numbers of one corpus."""

    path: str
    """File, or the label of what is replayed."""
    kind: str
    """`desc`, `dialogue`, `general` or `text`."""
    dialogues: int
    """Entries: dialogues with the greetings, or documents."""
    samples: int
    """Trained sequences in a pass."""
    heldout: int
    """Sequences held out and measured."""
    weight: float
    """Passes in an epoch."""
    per_epoch: int
    """Sequences that the first epoch takes of it, after its weight and the most samples of an epoch."""


@dataclass(frozen=True)
class Counts:
    """Numbers of a whole dataset; tokens and samples are those of the first epoch."""

    samples: int
    """Sequences in an epoch."""
    tokens: int
    """Tokens in an epoch, prefixes included."""
    trained_tokens: int
    """Tokens in the loss in an epoch."""
    heldout_samples: int
    """Sequences never trained."""
    longest: int
    """Tokens of the longest sequence."""
    limit: int
    """Longest sequence allowed."""
    dropped: int
    """Answers left out because their prompt alone fills the limit or the template cannot open with them."""
    cut: int
    """Answers that lost part of their history or text to the limit."""
    end_lost: int
    """Answers whose end of turn is not trained."""
    corpora: tuple[CorpusCounts, ...]
    """The same by corpus."""


def count(corpus: Trainable[Any]) -> Counts:
    """Render the first epoch and count it."""
    samples = [corpus.sample(row) for row in corpus.epoch(0)]
    return Counts(
        samples=len(samples),
        tokens=sum(len(sample.ids) for sample in samples),
        trained_tokens=sum(sample.trained_tokens for sample in samples),
        heldout_samples=len(corpus.heldout()),
        longest=max(len(sample.ids) for sample in samples),
        limit=corpus.limit,
        dropped=sum(part.losses.dropped for part in corpus.corpora),
        cut=sum(part.losses.cut for part in corpus.corpora),
        end_lost=sum(part.losses.end_lost for part in corpus.corpora),
        corpora=tuple(
            CorpusCounts(
                part.path, part.kind, part.dialogues, part.samples, part.heldout_samples, part.weight, per_epoch
            )
            for part, per_epoch in zip(corpus.corpora, corpus.mix(0), strict=True)
        ),
    )
