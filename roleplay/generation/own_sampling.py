"""Rows of one batch, each sampled by its own settings; a row draws what it would draw alone."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import torch
from transformers import LogitsProcessor, LogitsProcessorList

from roleplay.generation.sampling import GumbelNoise, penalties, processors
from roleplay.generation.settings import Sampling


class Drawn(Protocol):
    """What is known of a row."""

    @property
    def sampling(self) -> Sampling:
        """Its settings."""

    @property
    def said(self) -> int:
        """How many ids of its reply the prompt holds."""

    @property
    def tokens(self) -> list[int]:
        """What it said since."""

    @property
    def noise(self) -> GumbelNoise:
        """Its own draws, which go on from burst to burst."""


class OwnSampling(LogitsProcessor):
    """The chains of `processors`, for rows that share settings together, and the noise row by row."""

    def __init__(self, rows: Sequence[Drawn], width: int) -> None:
        """`width` is the number of columns before the burst."""
        self.rows = rows
        self.starts = [width - len(row.tokens) - row.said for row in rows]
        self._groups: dict[Sampling, list[int]] = defaultdict(list)
        for at, row in enumerate(rows):
            self._groups[_shared(row.sampling)].append(at)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores (B, V), each row's largest being what it says."""
        scores = scores.clone()
        for at, row in enumerate(self.rows):
            for penalty in penalties(row.sampling, [self.starts[at]]):
                scores[at : at + 1] = penalty(input_ids[at : at + 1], scores[at : at + 1])
        for sampling, members in self._groups.items():
            if sampling.temperature == 0:
                continue
            chain = LogitsProcessorList(processors(sampling, [])[:-1])  # all but the noise
            scores[members] = chain(input_ids[members], scores[members])
            for at in members:
                scores[at : at + 1] = self.rows[at].noise(input_ids[at : at + 1], scores[at : at + 1])
        return scores


def _shared(sampling: Sampling) -> Sampling:
    """What rows share: penalties look at each one's own reply, the seed at its own draws."""
    return replace(
        sampling, seed=0, repetition_penalty=1.0, presence_penalty=0.0, frequency_penalty=0.0, max_new_tokens=1
    )
