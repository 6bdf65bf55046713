"""How much memory a run needs and has: what the base takes, and how many tokens may go through it at once."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import torch
from safetensors import SafetensorError, safe_open

from roleplay.dataset.sample import Sample
from roleplay.errors import RunError
from roleplay.measures.likelihood import pad_right, token_losses
from roleplay.models.spec import BaseSpec, weight_files

_SPARE = 0.8
"""Share of the free memory that is planned with."""
_OPTIMIZER = 12
"""Bytes of a trained weight beside itself: its gradient and AdamW's two moments in float32."""
_ENOUGH = 128
"""Tokens of a sample that is long enough to be measured by."""
_BYTES = {"nf4": 0.6, "int8": 1.1, "float32": 4.0, "bfloat16": 2.0, "float16": 2.0}
"""Bytes a weight; quantised ones with their scales, and embeddings that stay as they are, roughly."""
_CGROUP = Path("/sys/fs/cgroup")


def free_bytes(device: str) -> int:
    """Bytes that are free for this process, on the GPU or in a machine or container."""
    if device == "cuda":
        free, _ = torch.cuda.mem_get_info()
        return int(free + torch.cuda.memory_reserved() - torch.cuda.memory_allocated())
    free = int(psutil.virtual_memory().available)
    try:
        limit, used = (int((_CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
    except (OSError, ValueError):  # no container, or one without a limit
        return free
    return min(free, limit - used)


def check_base(spec: BaseSpec, device: str, dtype: str, quant: str) -> None:
    """Refuse a base whose weights alone do not fit, before they are read. Raises RunError.

    Nothing is known of a base that is still to be fetched.
    """
    if spec.folder is None:
        return
    weights = 0
    try:
        for path in weight_files(spec.folder):
            with safe_open(path, framework="pt") as file:
                weights += sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError):
        return  # loading says what is wrong with it
    needed, free = weights * _BYTES[dtype if quant == "none" else quant], free_bytes(device)
    if needed > free:
        raise RunError(
            f"the base '{spec.name}' needs {_size(needed)} for its weights alone and {_size(free)} are free; "
            "keep them smaller with --quant nf4, or choose another with --base"
        )


def tokens_that_fit(tuned: Any, samples: Sequence[Sample], *, device: str, pad: int) -> tuple[int, float]:
    """Tokens that may go through `tuned` in one pass, and the bytes that each keeps for the backward pass.

    Measured on one sample as the model attends now. Raises RunError where the longest sample does not fit.
    """
    by_length = sorted(samples, key=lambda sample: len(sample.ids))
    chosen = next((sample for sample in by_length if len(sample.ids) >= _ENOUGH), by_length[-1])
    longest = len(by_length[-1].ids)
    trained = sum(weight.numel() for weight in tuned.parameters() if weight.requires_grad)
    free = free_bytes(device) - _OPTIMIZER * trained
    tuned.train()  # in evaluation no layer is checkpointed
    try:
        each = (_peak if device == "cuda" else _kept)(tuned, chosen, pad) / len(chosen.ids)
    except torch.OutOfMemoryError:
        each = math.inf
    fitting = int(max(0, _SPARE * free) / each)
    if fitting < longest:
        needed = "more" if math.isinf(each) else _size(longest * each / _SPARE + _OPTIMIZER * trained)
        raise RunError(
            f"a sample of {longest} tokens needs {needed} beside the base and {_size(free_bytes(device))} are free; "
            "add --gradient-checkpointing, or keep the base smaller with --quant nf4"
        )
    return fitting, each


def _loss(tuned: Any, sample: Sample, pad: int) -> torch.Tensor:
    return token_losses(tuned, pad_right([sample], pad)).sum()


def _peak(tuned: Any, sample: Sample, pad: int) -> int:
    """Bytes on the GPU that a pass takes at its worst moment, beside the gradients that are there from the first on."""
    _loss(tuned, sample, pad).backward()  # type: ignore[no-untyped-call]
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    _loss(tuned, sample, pad).backward()  # type: ignore[no-untyped-call]
    tuned.zero_grad(set_to_none=True)
    return torch.cuda.max_memory_allocated() - before


def _kept(tuned: Any, sample: Sample, pad: int) -> int:
    """Bytes that autograd keeps for the backward pass, weights left out."""
    weights = {part.untyped_storage().data_ptr() for part in (*tuned.parameters(), *tuned.buffers())}
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = _loss(tuned, sample, pad)
    del loss
    return sum(kept.values())


def _size(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
