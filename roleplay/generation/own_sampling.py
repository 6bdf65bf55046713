"""Rows of one batch, each sampled by its own settings; a row draws what it would draw alone."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import torch
from transformers import LogitsProcessor, LogitsProcessorList

from roleplay.generation.sampling import GumbelNoise, PenaltyFrom, processors
from roleplay.generation.settings import Sampling


class Drawn(Protocol):
    """What is known of a row."""

    @property
    def sampling(self) -> Sampling:
        """Its settings."""

    @property
    def tokens(self) -> list[int]:
        """What it said so far."""

    @property
    def noise(self) -> GumbelNoise:
        """Its own draws, which go on from burst to burst."""


class OwnSampling(LogitsProcessor):
    """The chains of `processors`, for rows that share settings together, and the noise row by row."""

    def __init__(self, rows: Sequence[Drawn], width: int) -> None:
        """`width` is the number of columns before the burst."""
        self.rows = rows
        self.starts = [width - len(row.tokens) for row in rows]
        self._groups: dict[Sampling, list[int]] = defaultdict(list)
        for at, row in enumerate(rows):
            # What the others share: the penalty looks at each row's own reply, the seed at its own draws.
            self._groups[replace(row.sampling, seed=0, repetition_penalty=1.0, max_new_tokens=1)].append(at)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores (B, V), each row's largest being what it says."""
        scores = scores.clone()
        for at, row in enumerate(self.rows):
            penalty = float(row.sampling.repetition_penalty)
            if penalty != 1:
                own = PenaltyFrom(penalty, [self.starts[at]])
                scores[at : at + 1] = own(input_ids[at : at + 1], scores[at : at + 1])
        for sampling, members in self._groups.items():
            if sampling.temperature == 0:
                continue
            chain = LogitsProcessorList(processors(sampling, [])[:-1])  # all but the noise
            scores[members] = chain(input_ids[members], scores[members])
            for at in members:
                scores[at : at + 1] = self.rows[at].noise(input_ids[at : at + 1], scores[at : at + 1])
        return scores
