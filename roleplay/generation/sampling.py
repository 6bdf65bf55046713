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
)

from roleplay.generation.settings import Sampling

_COLDEST = 1e-3
"""Scores divided by much less are no numbers; the draws are those of the likeliest token here already."""
_FEW = 256
"""Tokens that nearly always hold all of top-p."""


class GumbelNoise(LogitsProcessor):
    """Adds Gumbel noise, after which taking the largest score is a draw from the softmax (Maddison et al. 2014).

    Every row gets the same noise from one seeded generator: rows differ by what their models think, not by luck, and
    a row alone draws what it draws in company.
    """

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores (B, V) with noise of shape (V,) added to each row; what no row may say gets none."""
        uniform = torch.rand(scores.shape[-1], generator=self.generator, dtype=torch.float64)
        open_ids = scores.isfinite().any(0).nonzero()[:, 0]
        noise = -torch.log(-torch.log(uniform[open_ids.to(uniform.device)].clamp_(1e-300, 1 - 1e-16)))
        return scores.index_add(1, open_ids, noise.to(scores.device, scores.dtype).expand(len(scores), -1))


class TopP(LogitsProcessor):
    """Keeps the likeliest tokens whose probabilities sum to `share` (Holtzman et al. 2020).

    transformers' own sorts the vocabulary; here the likeliest few are looked at, and all where these are not enough.
    """

    def __init__(self, share: float) -> None:
        self.share = share

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores (B, V) with all others at minus infinity."""
        total = scores.logsumexp(-1, keepdim=True)
        for few in (_FEW, scores.shape[1]):
            logs, ids = scores.topk(min(few, scores.shape[1]))
            shares = (logs - total).exp()
            before = shares.cumsum(-1) - shares  # of all that is likelier
            if bool((before[:, -1] >= self.share).all()):
                break
        kept = logs.masked_fill((before > 0) & (before >= self.share), -torch.inf)  # the likeliest always stays
        return torch.full_like(scores, -torch.inf).scatter(1, ids, kept)


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


class TakenFrom(LogitsProcessor):
    """Presence and frequency penalty over the reply alone (https://platform.openai.com/docs/api-reference/chat)."""

    def __init__(self, presence: float, frequency: float, starts: Sequence[int]) -> None:
        self.presence, self.frequency, self.starts = presence, frequency, starts

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores (B, V) less what the reply already holds costs."""
        scores = scores.clone()
        for row, start in enumerate(self.starts):
            times = torch.bincount(input_ids[row, start:], minlength=scores.shape[1])
            scores[row] -= self.presence * (times > 0) + self.frequency * times
        return scores


def penalties(sampling: Sampling, starts: Sequence[int]) -> list[LogitsProcessor]:
    """What makes tokens less likely that the rows' replies, which begin at `starts`, already hold."""
    chain: list[LogitsProcessor] = []
    if sampling.repetition_penalty != 1:
        chain.append(PenaltyFrom(float(sampling.repetition_penalty), starts))
    if sampling.presence_penalty or sampling.frequency_penalty:
        chain.append(TakenFrom(sampling.presence_penalty, sampling.frequency_penalty, starts))
    return chain


def processors(sampling: Sampling, starts: Sequence[int]) -> LogitsProcessorList:
    """The chain from raw scores to noisy ones; greedy search over it is sampling, or greedy at temperature 0.

    `starts` are the columns in which the rows' replies begin.
    """
    chain = penalties(sampling, starts)
    if sampling.temperature > 0:
        chain.append(TemperatureLogitsWarper(max(float(sampling.temperature), _COLDEST)))
        if sampling.top_k:
            chain.append(TopKLogitsWarper(sampling.top_k))
        if sampling.top_p < 1:
            chain.append(TopP(float(sampling.top_p)))
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
