"""What a run is worth on dialogues it never saw: bits per character in the four lanes."""

import contextlib
from collections.abc import Sequence
from typing import Any

from roleplay.dataset.build import Corpus
from roleplay.dataset.sample import Sample
from roleplay.generation.lanes import LANES
from roleplay.measures.likelihood import Interval, bits_per_character, likelihoods


def lane_bits(tuned: Any, corpus: Corpus, pad: int) -> dict[str, Interval]:
    """Held-out bits per character by lane name, with 95 % intervals over dialogues; empty without held-out dialogues.

    `tuned` is a base with an adapter; prefixes are those that a new chat has on.
    """
    found: dict[str, Interval] = {}
    for name, lane in LANES.items():
        rows = corpus.heldout(None if lane.prefix else ())
        if not rows:
            return {}
        samples = [corpus.sample(row) for row in rows]
        found[name] = sample_bits(tuned, lane.adapter, samples, [row.unit.dialogue.identity for row in rows], pad)
    return found


def sample_bits(tuned: Any, adapter: bool, samples: Sequence[Sample], dialogues: Sequence[str], pad: int) -> Interval:
    """Bits per character of `samples` with the adapter of `tuned` on or off; `dialogues` names each one's dialogue."""
    with contextlib.nullcontext() if adapter else tuned.disable_adapter():
        return bits_per_character(likelihoods(tuned, samples, pad), dialogues)
