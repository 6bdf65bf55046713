"""How far an adapter moves its base: both see the same texts, and their next-token distributions are held together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from roleplay.dataset.sample import Sample
from roleplay.measures.likelihood import batches_of, label_logits, pad_right

if TYPE_CHECKING:
    from peft import PeftModel

_AT_ONCE = 16_000_000
"""Numbers of one block of probabilities: 64 MB in float32, of which a handful are alive."""


@dataclass(frozen=True)
class Divergence:
    """Over the trained tokens of one sample."""

    base: float
    """Sum of the base's negative log-likelihoods, in nats."""
    persona: float
    """Sum with the adapter."""
    kl: float
    """Sum of KL(base || persona) of each next token, in nats (Kullback and Leibler 1951)."""
    tokens: int
    """Trained tokens."""


@torch.inference_mode()
def divergences(tuned: "PeftModel", samples: Sequence[Sample], pad: int) -> list[Divergence]:
    """Of each sample, with the active adapter of `tuned` on and off."""
    found: dict[int, Divergence] = {}
    for batch in batches_of(tuned, samples):
        inputs = pad_right([samples[i] for i in batch], pad)
        persona, labels = label_logits(tuned, inputs)
        with tuned.disable_adapter():
            base, _ = label_logits(tuned, inputs)
        sums = _sums(base, persona, labels)
        for i, (base_nats, persona_nats, kl) in zip(batch, sums.tolist(), strict=True):
            found[i] = Divergence(base_nats, persona_nats, kl, samples[i].trained_tokens)
    return [found[i] for i in range(len(samples))]


def _sums(base: torch.Tensor, persona: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Logits (B, K, V) of both and labels (B, K) to the three sums of each row, (B, 3)."""
    block = max(1, _AT_ONCE // (base.shape[0] * base.shape[2]))
    total = torch.zeros(base.shape[0], 3, dtype=torch.float64, device=base.device)
    for at in range(0, base.shape[1], block):
        here = labels[:, at : at + block]
        counts = here != -100
        logs = [part[:, at : at + block].float().log_softmax(-1) for part in (base, persona)]
        chosen = [-log.gather(2, here.clamp(min=0)[..., None])[..., 0] for log in logs]
        kl = (logs[0].exp() * (logs[0] - logs[1])).sum(-1)
        total += torch.stack([(part * counts).double().sum(1) for part in (*chosen, kl)], dim=1)
    return total
