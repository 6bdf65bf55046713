"""Rewards of texts by a loaded reward model, whatever adapter its base wears."""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from torch import nn
from torch.nn.functional import linear

from roleplay.errors import AdapterError
from roleplay.models.base import Base
from roleplay.models.passport import Passport
from roleplay.preference.reward_model.head import RewardHead, decoder_of, endings
from roleplay.preference.reward_model.scale import Scale
from roleplay.preference.rewards.judged import Judge, Judged

_TOKENS_AT_ONCE = 4096
"""Tokens of a batch, padding counted."""


@dataclass(frozen=True)
class RewardModel:
    """A frozen reward model on a base that it shares with others; peft knows nothing of it, so nobody saves it along.

    Its LoRA is put on for the length of a score, instead of the adapter that the base wears.
    """

    base: Base
    """Whose weights it shares."""
    lora: Mapping[str, tuple[torch.Tensor, torch.Tensor]]
    """Matrices (r, in) and (out, r) by the full name of the module in the base."""
    scaling: float
    """What their product counts."""
    head: RewardHead
    """From a hidden state to the reward."""
    passport: Passport
    """Whose it is."""
    scale: Scale | None
    """Of the replies it learned from; `None` where it was not measured."""

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Within it the base computes with this LoRA alone and without dropout; afterwards it is as it was."""
        model = self.base.model
        # By name and only now: an adapter that was attached since has put its own modules there.
        layers = [(model.get_submodule(name), *pair) for name, pair in self.lora.items()]
        former = [layer.__dict__.get("forward") for layer, _, _ in layers]
        learning = [module for module in model.modules() if module.training]
        model.eval()
        for layer, down, up in layers:
            layer.__dict__["forward"] = _forward(layer, down, up, self.scaling)
        try:
            yield
        finally:
            for (layer, _, _), before in zip(layers, former, strict=True):
                del layer.__dict__["forward"]
                if before is not None:
                    layer.__dict__["forward"] = before
            for module in learning:
                module.training = True

    def rewards(self, rows: Sequence[Sequence[int]], pad: int) -> list[float]:
        """The reward of each text, given as ids; the higher the better.

        Raises AdapterError where one is no number, ValueError for a text of no tokens.
        """
        if not all(rows):
            raise ValueError("a reward model rates tokens, and a text has none")
        found: dict[int, float] = {}
        with self.applied(), torch.no_grad():
            for batch in _batches(rows):
                found |= zip(batch, self._rate([rows[i] for i in batch], pad), strict=True)
        odd = [value for value in found.values() if not math.isfinite(value)]
        if odd:
            raise AdapterError(
                f"the reward model {self.passport.label} gives {odd[0]} for {len(odd)} of {len(rows)} replies; train "
                "it again, with a lower --learning-rate"
            )
        return [found[i] for i in range(len(rows))]

    def _rate(self, rows: Sequence[Sequence[int]], pad: int) -> list[float]:
        longest = max(len(row) for row in rows)
        ids = torch.tensor([[*row, *[pad] * (longest - len(row))] for row in rows], device=self.base.model.device)
        lengths = torch.tensor([[len(row)] for row in rows], device=ids.device)
        mask = (torch.arange(longest, device=ids.device) < lengths).long()
        rewards: list[float] = self.head(endings(decoder_of(self.base), ids, mask))[:, 0].tolist()
        return rewards


def reward_judge(reward: RewardModel, pad: int) -> Judge:
    """Rates drawn replies as they were drawn, prompt and all; in standard deviations where the scale is known."""

    def judge(replies: Sequence[Judged]) -> list[float]:
        values = reward.rewards([(*reply.prompt_ids, *reply.reply_ids) for reply in replies], pad)
        return values if reward.scale is None else [reward.scale.standard(value) for value in values]

    return judge


def _batches(rows: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Indices of texts of similar length, a bounded number of tokens at a time."""
    batch: list[int] = []
    for i in sorted(range(len(rows)), key=lambda i: len(rows[i])):
        if batch and len(rows[i]) * (len(batch) + 1) > _TOKENS_AT_ONCE:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _forward(
    layer: nn.Module, down: torch.Tensor, up: torch.Tensor, scaling: float
) -> Callable[[torch.Tensor], torch.Tensor]:
    """What `layer`, bare or with adapters on it, does to hidden states (B, T, in) with this LoRA alone."""
    plain: Any = layer.get_base_layer() if isinstance(layer, LoraLayer) else layer.forward

    def forward(x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = plain(x)
        return (out + linear(linear(x.to(down.dtype), down), up) * scaling).to(out.dtype)

    return forward
