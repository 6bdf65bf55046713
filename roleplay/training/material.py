"""What a run is trained on, as far as its preparation has to know."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roleplay.cards.load import CardFile
from roleplay.dataset.blocks import build_text_corpus
from roleplay.dataset.build import build_corpus
from roleplay.dataset.render import make_renderer
from roleplay.dataset.sample import Sample
from roleplay.dataset.trainable import Trainable
from roleplay.knowledge.memory import Memory
from roleplay.models.base import load_context, load_tokenizer
from roleplay.models.spec import BaseSpec
from roleplay.training.origin import replayed
from roleplay.training.settings import Settings


@dataclass(frozen=True)
class Material:
    """The data of a run."""

    corpus: Trainable[Any]
    """The character's own dialogues or texts, which a run is measured by even where it is trained on something else."""
    samples: Sequence[Sample]
    """The sequences of an epoch in their order, so that memory and number format can be decided on."""
    rows: int
    """Samples of an epoch, as optimizer steps count them."""
    longest: int
    """Tokens of the longest sequence of all epochs."""
    has_heldout: bool
    """Whether something is held out to choose the best by."""
    fingerprint: str
    """Hash of everything that is trained on, and of what is held out."""

    def steps_per_epoch(self, settings: Settings) -> int:
        """Optimizer steps of an epoch, the last one of fewer samples included."""
        return max(1, math.ceil(self.rows / (settings.batch_size * settings.grad_accum)))

    def steps(self, settings: Settings) -> int:
        """Optimizer steps of a whole run."""
        return settings.max_steps or math.ceil(settings.epochs * self.steps_per_epoch(settings))


def own_material(card_file: CardFile, spec: BaseSpec, settings: Settings, cache: Path | None, books: Path) -> Material:
    """The character's corpora, through the gate; `cache` and `books` as `own_corpus` takes them.

    Raises every error of reading and rendering them.
    """
    corpus = own_corpus(card_file, spec, settings, cache, books)
    rows = corpus.epoch(0)
    per_epoch = max(1, math.ceil(len(rows) / (settings.batch_size * settings.grad_accum)))
    corpus.check(math.ceil(settings.max_steps / per_epoch if settings.max_steps else settings.epochs))
    samples = [corpus.sample(row) for row in rows]
    return Material(corpus, samples, len(rows), corpus.longest, bool(corpus.heldout()), corpus.fingerprint)


def own_corpus(
    card_file: CardFile, spec: BaseSpec, settings: Settings, cache: Path | None, books: Path
) -> Trainable[Any]:
    """The character's corpora as the base of `spec` reads them.

    `cache` is the folder of rendered samples; `None` keeps none. `books` is the character's index, there or not.
    """
    renderer = make_renderer(load_tokenizer(spec))
    limit = min(settings.max_length, load_context(spec))
    common: dict[str, Any] = {"limit": limit, "seed": settings.seed, "max_samples": settings.max_samples}
    if settings.stage == "pt":
        return build_text_corpus(card_file, renderer, **common)
    extra = replayed(settings.from_adapter, settings.replay) if settings.from_adapter and settings.replay else []
    memory = Memory(card_file.card, books, renderer.count, limit)
    return build_corpus(
        card_file,
        renderer,
        prefix_dropout=settings.prefix_dropout,
        extra=extra,
        cache=cache,
        practise=memory.practice,
        **common,
    )
