"""Whether the samples of a step may be computed as one tree: tried on the first step of a run, against padded rows."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

import roleplay.models.tree_attention  # noqa: F401  registers itself
from roleplay.dataset.sample import Sample
from roleplay.dataset.tree import tree_of
from roleplay.measures.likelihood import pad_right, token_losses, tree_losses
from roleplay.models.tree_plan import FLEX, GROUPED, Unfit
from roleplay.text import one_line

_EXACT = 1e-5
_ROUNDING = 2.0
_COARSE = 0.05
"""Of the gradient, where float32 does not fit into memory: rounding was 0.5 to 1.5 % in bfloat16, a wrong mask 100."""
_FEWEST = 4
"""Samples that share enough to tell a tree by."""


def why_not_tree(
    tuned: Any, samples: Sequence[Sample], *, pad: int, dtype: str, attention: str, tree: str = GROUPED
) -> str:
    """Empty where `samples` give the same loss and gradient as a tree and as padded rows, else the reason.

    In float32 "the same" is a relative difference of at most 1e-5 of each; in bfloat16 or float16, for the gradient to
    be at most twice as far from float32 as that of the padded rows. Where a GPU cannot hold that, fewer samples are
    tried, and at last the two are compared with each other. `attention` is that of the padded rows, `tree` that of the
    tree. The adapter of `tuned` is left as it was.
    """
    half = None if dtype == "float32" else getattr(torch, dtype)
    if any(module.p > 0 for module in tuned.modules() if isinstance(module, torch.nn.Dropout)):
        return "with dropout every pass is another"

    def padded() -> torch.Tensor:
        tuned.set_attn_implementation(attention)
        return token_losses(tuned, pad_right(samples, pad)).sum()

    def packed() -> torch.Tensor:
        attend_to_trees(tuned, tree)
        return tree_losses(tuned, tree_of(samples)).sum()

    def autocast() -> torch.autocast:
        return torch.autocast(tuned.device.type, half, enabled=half is not None)

    tuned.train()
    with autocast():
        rows = gradient(tuned, padded)
    try:
        with autocast():
            nodes = gradient(tuned, packed)
    except Unfit as error:
        return str(error)
    except Exception as error:  # a stranger's model or a kernel may raise anything; padded rows remain
        return f"it cannot be computed over a tree ({type(error).__name__}: {one_line(str(error))})"
    finally:
        tuned.set_attn_implementation(attention)
    allowed, of_loss = _EXACT * _norm(rows), _EXACT
    if half is not None:
        of_loss = _COARSE
        exact = _exactly(tuned, padded)
        if exact is None and len(samples) > _FEWEST:
            fewer = samples[: len(samples) // 2]
            return why_not_tree(tuned, fewer, pad=pad, dtype=dtype, attention=attention, tree=tree)
        if exact is None:
            allowed = _COARSE * _norm(rows)
        else:
            allowed = max(allowed, _ROUNDING * _norm(rows - exact))
            rows = exact
    difference = _norm(nodes - rows)
    if difference > allowed:
        return f"its gradient would differ by {difference:.2g} (allowed: {allowed:.2g})"
    loss, wanted = float(nodes[0]), float(rows[0])
    return (
        "" if abs(loss - wanted) <= of_loss * abs(wanted) else f"its loss would be {loss:.6g} instead of {wanted:.6g}"
    )


def _norm(found: torch.Tensor) -> float:
    """Of the gradient in what `gradient` returns: the loss before it is many times as large."""
    return float(found[1:].norm())


def _exactly(tuned: Any, loss: Callable[[], torch.Tensor]) -> torch.Tensor | None:
    """The gradient in float32; `None` where a GPU has no room for weights twice as wide, or for what they compute."""
    try:
        with in_float32(tuned):
            return gradient(tuned, loss)
    except torch.OutOfMemoryError:
        return None


def attend_to_trees(model: Any, tree: str) -> None:
    """Let `model` attend to trees, in one of the two ways."""
    if tree == FLEX:
        import roleplay.models.tree_flex  # noqa: F401  registers itself; what compiles takes seconds to import
    model.set_attn_implementation(tree)


def gradient(tuned: Any, loss: Callable[[], torch.Tensor]) -> torch.Tensor:
    """The loss and its gradient by every trained weight, as one vector in float32."""
    tuned.zero_grad(set_to_none=True)
    try:
        value = loss()
        value.backward()  # type: ignore[no-untyped-call]
        parts = [p.grad.float().flatten() for p in tuned.parameters() if p.grad is not None]
    finally:
        tuned.zero_grad(set_to_none=True)
    return torch.cat([value.detach().float().reshape(1), *parts])


@contextlib.contextmanager
def in_float32(tuned: Any) -> Iterator[None]:
    """Compute in float32 for a while; weights kept in half of it come back as they were, bit for bit.

    Weights that are packed in four bits stay packed; their products are computed in float32.
    """
    halved = [
        (part, part.dtype)
        for part in (*tuned.parameters(), *tuned.buffers())
        if part.dtype in (torch.bfloat16, torch.float16) and not hasattr(part, "quant_state")
    ]
    packed = [(module, module.compute_dtype) for module in tuned.modules() if hasattr(module, "compute_dtype")]
    try:  # memory may end at any of them
        for part, _ in halved:
            part.data = part.data.float()
        for module, _ in packed:
            module.compute_dtype = torch.float32
        yield
    finally:
        for part, dtype in reversed(halved):  # where memory has ended, the small ones make room
            part.data = part.data.to(dtype)
        for module, dtype in packed:
            module.compute_dtype = dtype
