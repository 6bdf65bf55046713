"""How likely a model finds the character's answers: nats per token, bits per character."""

import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from roleplay.dataset.sample import Sample
from roleplay.dataset.tree import TokenTree
from roleplay.measures.interval import Interval, ratio
from roleplay.models.tree_plan import Unfit, plan_tree

_LOGITS_AT_ONCE = 48_000_000


@dataclass(frozen=True)
class Likelihood:
    """Surprise of one sample's trained tokens."""

    nats: float
    """Sum of negative log-likelihoods."""
    tokens: int
    """Trained tokens, ends of turn included."""
    characters: int
    """Characters of the answers."""


def likelihoods(model: Any, samples: Sequence[Sample], pad: int, temperature: float = 1.0) -> list[Likelihood]:
    """Score each sample with `model` as it is (adapter on or off), in batches of similar length.

    At another `temperature` than 1 it is the likelihood of those who draw at that one.
    """
    found: dict[int, Likelihood] = {}
    for batch in batches_of(model, samples):
        found |= zip(batch, _score(model, [samples[i] for i in batch], pad, temperature), strict=True)
    return [found[i] for i in range(len(samples))]


def batches_of(model: Any, samples: Sequence[Sample]) -> Iterator[list[int]]:
    """Indices of samples of similar length, few enough for their logits to lie in memory together."""
    vocabulary = int(model.config.get_text_config().vocab_size)
    batch: list[int] = []
    for i in sorted(range(len(samples)), key=lambda i: len(samples[i].ids)):
        if batch and len(samples[i].ids) * (len(batch) + 1) * vocabulary > _LOGITS_AT_ONCE:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def pad_right(samples: Sequence[Sample], pad: int) -> dict[str, torch.Tensor]:
    """Ids, attention mask and labels, each (B, T); untrained tokens are labelled -100."""
    longest = max(len(sample.ids) for sample in samples)
    ids = torch.full((len(samples), longest), pad)
    labels = torch.full((len(samples), longest), -100)
    mask = torch.zeros((len(samples), longest), dtype=torch.long)
    for row, sample in enumerate(samples):
        length = len(sample.ids)
        ids[row, :length] = torch.tensor(sample.ids)
        trained = torch.tensor(sample.trained)
        labels[row, :length] = torch.where(trained, ids[row, :length], -100)
        mask[row, :length] = 1
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def token_losses(model: Any, batch: Mapping[str, torch.Tensor], temperature: float = 1.0) -> torch.Tensor:
    """Negative log-likelihood of every label, in nats, zero where nothing is trained: (B, K).

    Logits are computed only where some row has a label, which spares most of a batch that shares a long prefix: K is
    the number of such positions. Training, held-out loss and evaluation all use this one function. A batch that lies in
    the machine's memory goes to the model's device without waiting for it.
    """
    logits, labels = label_logits(model, batch)
    logits = logits.float() if temperature == 1 else logits.float() / temperature
    # Row by row: over a vocabulary that is not the last dimension torch adds up less exactly, 5e-5 nats a token off.
    losses = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), labels.flatten(), ignore_index=-100, reduction="none"
    )
    return losses.view(labels.shape)


def label_logits(model: Any, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (B, K, V) and labels (B, K), -100 for none, at the positions where some row has a label."""
    device = causal_model(model).device
    labels = batch["labels"][:, 1:]
    keep = (labels != -100).any(dim=0).nonzero().squeeze(1)
    inputs = {name: _sent(tensor, device) for name, tensor in batch.items() if name != "labels"}
    return _logits_at(model, _sent(keep, device), inputs), _sent(labels[:, keep], device)


def tree_losses(model: Any, tree: TokenTree) -> torch.Tensor:
    """Negative log-likelihood of every prediction of a tree, in nats, times the samples that train it: (L,).

    The model's attention must be one of `TREE_ATTENTION`. Raises Unfit where it cannot attend to a tree.
    """
    core = causal_model(model)
    plan = plan_tree(tree, core.device)
    arrays = (tree.ids, tree.position, tree.labels, tree.times, *np.unique(tree.predicts, return_inverse=True))
    ids, position, labels, times, places, place = (_sent(torch.from_numpy(part), core.device) for part in arrays)
    logits = _logits_at(model, places, {"input_ids": ids[None], "position_ids": position[None], "tree": plan})
    if plan.calls < core.config.get_text_config().num_hidden_layers:
        raise Unfit("its attention goes round the functions registered with transformers")
    logits = logits.flatten(0, 1)
    if len(places) < len(labels):  # else each place predicts one label, in this order, and nothing has to be copied
        logits = logits[place]
    losses: torch.Tensor = _Surprise.apply(logits, labels) * times  # type: ignore[no-untyped-call]
    return losses


def _sent(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """On `device`; from pinned memory, a copy to a GPU is not waited for."""
    return (tensor.pin_memory() if device.type == "cuda" and tensor.is_cpu else tensor).to(device, non_blocking=True)


class _Surprise(torch.autograd.Function):
    """Cross-entropy of each row, as torch computes it; the gradient of the logits is written once, not thrice."""

    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Logits (L, V) in any format, labels (L,); nats in float32, (L,)."""
        logs = torch.log_softmax(logits.float(), dim=-1)
        ctx.save_for_backward(logs, labels)
        ctx.dtype = logits.dtype
        return -logs.gather(1, labels[:, None])[:, 0]

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Softmax minus one at the label, times what each row counts."""
        logs, labels = ctx.saved_tensors
        slope = logs.exp()
        slope.scatter_add_(1, labels[:, None], slope.new_full((len(labels), 1), -1.0))
        return slope.mul_(grad[:, None]).to(ctx.dtype), None


def _logits_at(model: Any, keep: torch.Tensor, inputs: dict[str, Any]) -> torch.Tensor:
    """Logits after the tokens with the indices `keep`, (B, K, V)."""
    if "logits_to_keep" in inspect.signature(causal_model(model).forward).parameters:
        logits: torch.Tensor = model(**inputs, use_cache=False, logits_to_keep=keep).logits
        return logits
    logits = model(**inputs, use_cache=False).logits
    return logits[:, keep]


def causal_model(model: Any) -> Any:
    """The transformers model inside whatever wraps it (peft, several processes)."""
    inner = model.module if isinstance(model, torch.nn.parallel.DistributedDataParallel) else model
    return inner.get_base_model() if hasattr(inner, "get_base_model") else inner


def _score(model: Any, samples: Sequence[Sample], pad: int, temperature: float) -> list[Likelihood]:
    with torch.inference_mode():
        losses = token_losses(model, pad_right(samples, pad), temperature)
    return [
        Likelihood(float(loss.double().sum()), sample.trained_tokens, sample.characters)
        for loss, sample in zip(losses, samples, strict=True)
    ]


def mean_loss(scores: Sequence[Likelihood]) -> float:
    """Nats per trained token."""
    return sum(s.nats for s in scores) / max(1, sum(s.tokens for s in scores))


def bits_per_character(scores: Sequence[Likelihood], groups: Sequence[str]) -> Interval:
    """Bits per character, comparable across tokenizers, with a bootstrap over `groups` (dialogues).

    The end of turn counts as part of what has to be said; characters are Unicode code points.
    """
    bits = [score.nats / math.log(2) for score in scores]
    return ratio(bits, [score.characters for score in scores], groups)
