"""Sampling as logits processors, so that a lane's draws do not depend on the lanes beside it."""

from collections.abc import Sequence

import torch
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from roleplay.generation.settings import Sampling


class GumbelNoise(LogitsProcessor):
    """Adds Gumbel noise, after which taking the largest score is a draw from the softmax (Maddison et al. 2014).

    Every row gets the same noise from one seeded generator: rows differ by what their models think, not by luck, and
    a row alone draws what it draws in company.
    """

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores (B, V) with noise of shape (V,) added to each row."""
        uniform = torch.rand(scores.shape[-1], generator=self.generator, dtype=torch.float64).clamp_(1e-300, 1 - 1e-16)
        noise = -torch.log(-torch.log(uniform))
        return scores + noise.to(scores.device, scores.dtype)


class PenaltyFrom(LogitsProcessor):
    """The repetition penalty over the reply alone: a prompt full of the character's name must not silence it.

    Left padding and prompt are skipped: only a row's ids from its column in `starts` on count.
    """

    def __init__(self, penalty: float, starts: Sequence[int]) -> None:
        self.inner = RepetitionPenaltyLogitsProcessor(penalty)
        self.starts = starts

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores (B, V) with what the reply already holds made less likely."""
        scores = scores.clone()
        for row, start in enumerate(self.starts):
            if start < input_ids.shape[1]:
                scores[row : row + 1] = self.inner(input_ids[row : row + 1, start:], scores[row : row + 1])
        return scores


def processors(sampling: Sampling, starts: Sequence[int]) -> LogitsProcessorList:
    """The chain from raw scores to noisy ones; greedy search over it is sampling, or greedy at temperature 0.

    `starts` are the columns in which the rows' replies begin.
    """
    chain: list[LogitsProcessor] = []
    if sampling.repetition_penalty != 1:
        chain.append(PenaltyFrom(float(sampling.repetition_penalty), starts))
    if sampling.temperature > 0:
        chain.append(TemperatureLogitsWarper(float(sampling.temperature)))
        if sampling.top_k:
            chain.append(TopKLogitsWarper(sampling.top_k))
        if sampling.top_p < 1:
            chain.append(TopPLogitsWarper(float(sampling.top_p)))
        if sampling.min_p:
            chain.append(MinPLogitsWarper(float(sampling.min_p)))
        chain.append(GumbelNoise(sampling.seed))
    return LogitsProcessorList(chain)


def left_pad(prompts: Sequence[Sequence[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Prompts as ids and attention mask, both (B, T), padded on the left."""
    longest = max(len(prompt) for prompt in prompts)
    ids = torch.full((len(prompts), longest), pad, dtype=torch.long)
    mask = torch.zeros((len(prompts), longest), dtype=torch.long)
    for row, prompt in enumerate(prompts):
        ids[row, longest - len(prompt) :] = torch.tensor(prompt, dtype=torch.long)
        mask[row, longest - len(prompt) :] = 1
    return ids, mask
