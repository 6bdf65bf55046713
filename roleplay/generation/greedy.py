"""The likeliest replies token by token, or given ones, with how likely each token was while it was said.

Both go through `generate`, as chat does. Nothing of it is kept for chat, nor taken from there, so that the numbers do
not depend on what was asked before.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import LogitsProcessor, LogitsProcessorList

from roleplay.errors import ContextFull
from roleplay.generation.engine import Engine
from roleplay.generation.lanes import Lane
from roleplay.generation.sampling import left_pad
from roleplay.models.rows import row_adapters


@dataclass(frozen=True)
class Said:
    """A reply."""

    tokens: list[int]
    """Its ids, the one that ended it included."""
    logs: list[float]
    """Natural logarithm of the probability of each."""
    best: list[float]
    """The same of the likeliest token in its place."""


def greedy(engine: Engine, lanes: Sequence[Lane], prompts: Sequence[Sequence[int]], limit: int) -> list[Said]:
    """The likeliest reply to each prompt in its lane, of at most `limit` tokens, all in one batch.

    Raises ContextFull where a prompt leaves no room for that many, BaseModelError for a lane without its adapter.
    """
    listener = _generate(engine, lanes, prompts, limit, None)
    said = torch.stack(listener.tokens, 1).tolist()
    return _said(
        listener, [next((at for at, token in enumerate(row, 1) if token in engine.end_ids), limit) for row in said]
    )


def followed(
    engine: Engine, lanes: Sequence[Lane], prompts: Sequence[Sequence[int]], replies: Sequence[Sequence[int]]
) -> list[Said]:
    """The given `replies`, none empty, as this base and adapter would have said them; raises as `greedy` does."""
    longest = max(len(reply) for reply in replies)
    expected = torch.tensor([[*reply, *[engine.pad] * (longest - len(reply))] for reply in replies])
    listener = _generate(engine, lanes, prompts, longest, expected.to(engine.base.model.device))
    return _said(listener, [len(reply) for reply in replies])


def _generate(
    engine: Engine, lanes: Sequence[Lane], prompts: Sequence[Sequence[int]], limit: int, expected: torch.Tensor | None
) -> "_Listener":
    longest, context = max(len(prompt) for prompt in prompts), engine.base.context
    if longest + limit > context:
        raise ContextFull(
            f"a prompt of {longest} tokens and a reply of {limit} are more than the {context} that the base takes; "
            "shorten the prefixes or switch some off"
        )
    model = engine.base.model
    ids, mask = left_pad(prompts, engine.pad)
    listener = _Listener(ids.shape[1], expected)
    weights = engine.adapters.weights(lanes, engine.chosen, 1.0)
    with torch.inference_mode(), row_adapters(engine.tuned, weights):
        model.generate(
            input_ids=ids.to(model.device),
            attention_mask=mask.to(model.device),
            do_sample=False,
            max_new_tokens=limit,
            eos_token_id=engine.end_ids,
            pad_token_id=engine.pad,
            logits_processor=LogitsProcessorList([listener]),
        )
    return listener


def _said(listener: "_Listener", lengths: Sequence[int]) -> list[Said]:
    steps = [torch.stack(part, 1).tolist() for part in (listener.tokens, listener.logs, listener.best)]
    rows = zip(*steps, lengths, strict=True)
    return [Said(tokens[:end], logs[:end], best[:end]) for tokens, logs, best, end in rows]


class _Listener(LogitsProcessor):
    """Notes how likely each token is that is said: the likeliest, or those of `expected`, (B, T)."""

    def __init__(self, start: int, expected: torch.Tensor | None) -> None:
        """`start` is the column in which the replies begin."""
        self.start, self.expected = start, expected
        self.tokens: list[torch.Tensor] = []
        self.logs: list[torch.Tensor] = []
        self.best: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores (B, V) that leave no choice."""
        best, likeliest = scores.max(-1, keepdim=True)
        total = scores.logsumexp(-1, keepdim=True)
        token = likeliest if self.expected is None else self.expected[:, input_ids.shape[1] - self.start, None]
        self.tokens.append(token[:, 0])
        self.logs.append((scores.gather(1, token) - total)[:, 0])
        self.best.append((best - total)[:, 0])
        return torch.full_like(scores, -torch.inf).scatter(1, token, 0.0)
