"""What a run is worth on dialogues it never saw: bits per character in the four lanes."""

import contextlib
from typing import Any

from roleplay.dataset.build import Corpus
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
        with contextlib.nullcontext() if lane.adapter else tuned.disable_adapter():
            scores = likelihoods(tuned, [corpus.sample(row) for row in rows], pad)
        found[name] = bits_per_character(scores, [row.unit.dialogue.identity for row in rows])
    return found
