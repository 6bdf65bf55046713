"""What a run is worth on dialogues it never saw: bits per character in the four lanes."""

import contextlib
from collections.abc import Sequence
from typing import Any

from roleplay.dataset.sample import Sample
from roleplay.dataset.trainable import Trainable
from roleplay.generation.lanes import LANES
from roleplay.measures.interval import Interval
from roleplay.measures.likelihood import bits_per_character, likelihoods


def lane_bits(model: Any, corpus: Trainable[Any], pad: int, *, adapter: bool | None = None) -> dict[str, Interval]:
    """Held-out bits per character by lane name, with 95 % intervals over dialogues; empty without held-out dialogues.

    `model` is a base with an adapter, or, where `adapter` says which lanes it stands for, a whole one. Prefixes are
    those that a new chat has on.
    """
    found: dict[str, Interval] = {}
    for name, lane in LANES.items():
        if adapter is not None and lane.adapter != adapter:
            continue
        rows = corpus.heldout(None if lane.prefix else ())
        if not rows:
            return {}
        samples = [corpus.sample(row) for row in rows]
        switched_off = adapter is None and not lane.adapter
        found[name] = sample_bits(model, not switched_off, samples, [row.group for row in rows], pad)
    return found


def sample_bits(tuned: Any, adapter: bool, samples: Sequence[Sample], dialogues: Sequence[str], pad: int) -> Interval:
    """Bits per character of `samples` with the adapter of `tuned` on or off; `dialogues` names each one's dialogue."""
    with contextlib.nullcontext() if adapter else tuned.disable_adapter():
        return bits_per_character(likelihoods(tuned, samples, pad), dialogues)
