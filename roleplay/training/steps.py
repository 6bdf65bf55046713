"""The collator: from the samples of an optimizer step to the passes that this process computes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from roleplay.dataset.sample import Sample
from roleplay.dataset.tree import TokenTree, share_step, split_step, tree_of
from roleplay.measures.likelihood import pad_right, token_losses, tree_losses

Pass = TokenTree | dict[str, torch.Tensor]
"""A tree of tokens, or padded rows."""


@dataclass(frozen=True)
class Step:
    """What this process does for one optimizer step."""

    passes: tuple[Pass, ...]
    """Computed one after the other; at least one, which may train nothing."""
    trained_tokens: int
    """Tokens in the loss of the whole step, in all processes: what its loss is divided by."""
    samples: int
    """Samples of the whole step."""
    tokens: int
    """Tokens of those samples, shared beginnings counted for each."""


@dataclass(frozen=True)
class Collator:
    """Every process is given all samples of a step and takes its own share of them."""

    tree: bool
    """Whether samples share what they begin with."""
    rows: int
    """Padded rows of a pass."""
    limit: int | None
    """Tokens of a tree's pass; `None` takes all at once."""
    pad: int
    """Token id of padding."""
    process: int = 0
    """Number of this process."""
    processes: int = 1
    """How many there are."""

    def __call__(self, samples: Sequence[Sample]) -> dict[str, Any]:
        """The step under the key `step`; there is no key `labels`, which Trainer would count in its own way."""
        mine = list(samples)
        if self.processes > 1:
            mine = [samples[i] for i in share_step([sample.ids for sample in samples], self.processes)[self.process]]
        # A process that gets nothing computes one sample without weight: all must meet in the backward pass.
        passes = self._passes(mine) if mine else [_weightless(part) for part in self._passes([samples[0]])]
        step = Step(
            passes=tuple(passes),
            trained_tokens=sum(sample.trained_tokens for sample in samples),
            samples=len(samples),
            tokens=sum(len(sample.ids) for sample in samples),
        )
        return {"step": step}

    def _passes(self, samples: Sequence[Sample]) -> list[Pass]:
        if not self.tree:
            return [pad_right(samples[i : i + self.rows], self.pad) for i in range(0, len(samples), self.rows)]
        if self.limit is None:
            return [tree_of(samples)]
        groups = split_step([sample.ids for sample in samples], self.limit)
        return [tree_of([samples[i] for i in group]) for group in groups]


def pass_losses(model: Any, part: Pass) -> torch.Tensor:
    """Negative log-likelihood of everything that a pass trains, in nats."""
    return tree_losses(model, part) if isinstance(part, TokenTree) else token_losses(model, part)


def _weightless(part: Pass) -> Pass:
    if isinstance(part, TokenTree):
        return replace(part, times=np.zeros_like(part.times))
    return part | {"labels": torch.full_like(part["labels"], -100)}
