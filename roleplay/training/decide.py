"""What the machine decides for a run: device, number format, attention, trees or padded rows, tokens of a pass."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from roleplay.dataset.sample import Sample
from roleplay.dataset.tree import tree_of
from roleplay.errors import RunError
from roleplay.measures.likelihood import pad_right, token_losses, tree_losses
from roleplay.models.base import choose_device
from roleplay.models.tree_plan import FLEX, GROUPED
from roleplay.training.batching import attend_to_trees, gradient, in_float32, why_not_tree
from roleplay.training.memory import tokens_that_fit
from roleplay.training.run import Decisions
from roleplay.training.settings import Settings

_SHORT = 512


def decide(settings: Settings, longest: int) -> Decisions:
    """Device, number format, threads and attention for sequences of up to `longest` tokens, before a base is loaded.

    bfloat16 where its products run in hardware, float16 on older GPUs. On a CPU the backward pass of SDPA is slow (a
    step of 16 samples of at most 420 tokens took 1.30 s, with eager attention 0.93 s); eager attention keeps every
    score, so only short sequences use it. Raises BaseModelError for a GPU that is not there, RunError for a format
    that it does not have.
    """
    device = choose_device(settings.device)
    dtype: str = settings.dtype
    if dtype == "auto":
        dtype = _gpu_dtype() if device == "cuda" else "bfloat16" if _cpu_has_bfloat16() else "float32"
    elif dtype == "float16" and device == "cpu":
        raise RunError("float16 is trained with on GPUs alone; choose --dtype bfloat16 or float32")
    if settings.optimizer != "adamw" and device == "cpu":
        raise RunError(f"the optimizer {settings.optimizer} needs a GPU and this run is on a CPU; choose adamw")
    attention = "eager" if device == "cpu" and longest <= _SHORT else "sdpa"
    return Decisions(device, dtype, torch.get_num_threads(), attention, settings.batching)


def _gpu_dtype() -> str:
    native = torch.cuda.get_device_capability() >= (8, 0)  # older ones emulate bfloat16
    return "bfloat16" if native else "float16"


def _cpu_has_bfloat16() -> bool:
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def settle(
    decisions: Decisions, settings: Settings, tuned: Any, samples: Sequence[Sample], every: Sequence[Sample], pad: int
) -> Decisions:
    """What only the loaded model can tell, from the `samples` of the first step and the lengths of `every` sample.

    Trees where they have the gradient of padded rows, else padded rows, and why; how many tokens memory holds; on a CPU
    that has bfloat16 and was not told which to use, whichever of the two formats is faster. Raises RunError.
    """
    fitting, each = tokens_that_fit(tuned, every, device=decisions.device, pad=pad)
    step = settings.batch_size * settings.grad_accum * max(len(sample.ids) for sample in every)
    limit = settings.max_tokens_per_pass or (fitting if fitting < step else None)
    decisions = replace(decisions, max_tokens_per_pass=limit, bytes_per_token=round(each))
    proven = _some(samples, fitting)
    if decisions.batching == "tree":
        decisions = _prove(decisions, tuned, proven, pad)
    if settings.dtype == "auto" and (decisions.device, decisions.dtype) == ("cpu", "bfloat16"):
        decisions = replace(decisions, dtype=_faster(decisions, tuned, proven, pad))
    return decisions


def _some(samples: Sequence[Sample], fitting: int) -> Sequence[Sample]:
    """As many as go through the model padded, at once."""
    longest = max(len(sample.ids) for sample in samples)
    return samples[: max(1, fitting // longest)]


def _prove(decisions: Decisions, tuned: Any, samples: Sequence[Sample], pad: int) -> Decisions:
    reasons: list[str] = []
    for tree in [GROUPED] if decisions.device == "cpu" else [FLEX, GROUPED]:
        reason = why_not_tree(tuned, samples, pad=pad, dtype=decisions.dtype, attention=decisions.attention, tree=tree)
        if not reason:
            return replace(decisions, tree_attention=tree)
        reasons.append(reason)
    return replace(decisions, batching="padded", batching_because=reasons[-1])


def _faster(decisions: Decisions, tuned: Any, samples: Sequence[Sample], pad: int) -> str:
    """`bfloat16` or `float32`, by one gradient each; the proof before has warmed up both."""
    if decisions.batching == "tree":
        tree = tree_of(samples)
        attend_to_trees(tuned, decisions.tree_attention)
        loss = lambda: tree_losses(tuned, tree).sum()  # noqa: E731
    else:
        rows = pad_right(samples, pad)
        loss = lambda: token_losses(tuned, rows).sum()  # noqa: E731
    try:
        with torch.autocast("cpu", torch.bfloat16):
            halved = _seconds(tuned, loss)
        with in_float32(tuned):
            whole = _seconds(tuned, loss)
    finally:
        tuned.set_attn_implementation(decisions.attention)
    return "float32" if whole < halved else "bfloat16"


def _seconds(tuned: Any, loss: Callable[[], torch.Tensor]) -> float:
    began = time.perf_counter()
    gradient(tuned, loss)
    return time.perf_counter() - began
