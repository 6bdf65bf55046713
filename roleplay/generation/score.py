"""How likely given replies are: one pass over their tokens, nothing drawn."""

import inspect
from collections.abc import Sequence
from typing import Any

import torch

from roleplay.generation.cache import KeptRows, Row
from roleplay.generation.sampling import left_pad

_LOGITS_AT_ONCE = 32_000_000
"""Numbers of one block of logits: 128 MB in float32."""


@torch.inference_mode()
def log_probabilities(
    model: Any, rows: Sequence[Row], replies: Sequence[Sequence[int]], kept: KeptRows, pad: int
) -> list[list[float]]:
    """Natural logarithms of the probabilities of all ids of each reply.

    A row holds prompt and reply but the reply's last id; left-padded, the logits of its last columns are those of the
    reply. The vocabulary is as large as it is, so they are computed in blocks of columns, each going on from the cache
    that the one before left.
    """
    if not any(replies):
        return [[] for _ in rows]
    ids, mask = left_pad([row.ids for row in rows], pad)
    wanted, _ = left_pad(replies, pad)
    past = kept.begin(rows, [max(1, len(reply)) for reply in replies])
    columns, total = wanted.shape[1], ids.shape[1]
    block = max(1, _LOGITS_AT_ONCE // (len(rows) * model.config.get_text_config().vocab_size))
    ends = [*range(total - columns + block, total, block), total] if past is not None else [total]
    at = 0 if past is None else past.get_seq_length()
    found: list[torch.Tensor] = []
    for end in ends:
        keep = end - max(at, total - columns)
        logits = _logits(model, ids[:, at:end], mask[:, :end], past, keep)
        done = sum(part.shape[1] for part in found)
        for i in range(0, keep, block):
            part = logits[:, i : i + block].float()
            chosen = wanted[:, done + i : done + i + block, None].to(part.device)
            found.append((part.gather(2, chosen)[..., 0] - part.logsumexp(2)).cpu())
        at = end
    kept.keep(rows, [total - len(row.ids) for row in rows], past)
    scores = torch.cat(found, dim=1)
    return [row[columns - len(reply) :].tolist() for row, reply in zip(scores, replies, strict=True)]


def _logits(model: Any, ids: torch.Tensor, mask: torch.Tensor, past: Any, keep: int) -> torch.Tensor:
    """Logits after the last `keep` of the `ids`, (B, keep, V)."""
    known = inspect.signature(model.forward).parameters
    inputs = {"input_ids": ids, "attention_mask": mask}
    if "position_ids" in known:
        inputs["position_ids"] = (mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
    extra = {"logits_to_keep": keep} if "logits_to_keep" in known else {}
    sent = {name: tensor.to(model.device) for name, tensor in inputs.items()}
    logits: torch.Tensor = model(**sent, past_key_values=past, use_cache=past is not None, **extra).logits
    return logits[:, -keep:]
