"""Attention over a tree of tokens by FlexAttention, whose GPU kernel leaves out the blocks that the tree leaves empty.

Registered with transformers as `tree_flex`; the plan of the tree comes as the keyword argument `tree`, as in
`tree_attention`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch.nn.attention.flex_attention import BlockMask, flex_attention
from transformers import AttentionInterface

from roleplay.models.tree_plan import FLEX, TreePlan, Unfit, check_fit, products_dtype
from roleplay.text import one_line

_BLOCK = 128
_NARROWEST = 16
"""Fewest numbers of a head that the kernel multiplies."""
_GRAPHS = 64
"""Variants that may be compiled: heads, widths, formats, softcaps, with gradient and without."""


@dataclass(frozen=True)
class Blocks:
    """The mask of a tree of T tokens in n by n blocks of 128 tokens, on the model's device."""

    end: torch.Tensor
    """First index after each token's subtree, int32, (128 n,); tokens past T are padding that sees itself alone."""
    lists: tuple[torch.Tensor, ...]
    """Eight lists of int32 for BlockMask: for each block of queries how many blocks of keys it sees in part, (1, 1, n),
    which, those first, (1, 1, n, n), and the same for those it sees whole; then all four for each block of keys."""


def find_blocks(end: torch.Tensor) -> Blocks:
    """Which blocks of the mask hold something, from `end`, (T,): computed on its device, which is not waited for.

    A token q of block i comes after every token k of an earlier block j, so it sees k where q < end[k]: block (i, j)
    is whole where that holds for the last q and the least end, and not empty where it holds for the first q and the
    greatest. The whole mask, T by T, is never made.
    """
    tokens = len(end)
    count = max(2, -(-tokens // _BLOCK))  # a size of 1 would be compiled apart
    index = torch.arange(count * _BLOCK, dtype=torch.int32, device=end.device)
    end = torch.cat([end.to(torch.int32), index[tokens:] + 1])
    least, greatest = end.view(-1, _BLOCK).aminmax(dim=1)
    first = index[::_BLOCK, None]
    earlier = first > first.T
    whole = earlier & (first + _BLOCK <= least)
    part = (earlier & (first < greatest) & ~whole) | (first == first.T)
    lists = [_listed(blocks) for blocks in (part, whole, part.T, whole.T)]
    return Blocks(end, tuple(tensor for pair in lists for tensor in pair))


def _listed(blocks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    numbers = blocks.to(torch.int32)
    which = numbers.argsort(dim=1, descending=True, stable=True)
    return numbers.sum(1, dtype=torch.int32)[None, None], which.to(torch.int32).contiguous()[None, None]


@torch.compiler.disable  # type: ignore[untyped-decorator]
def block_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    tree: TreePlan,
    scaling: float | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """FlexAttention, compiled on a GPU by itself, also where the model around it is; on a CPU it has no gradient.

    Query (1, H, T, D), key (1, K, T, D), value (1, K, T, E), result (1, T, H, E). Raises Unfit.
    """
    check_fit(tree, options)
    tree.calls += 1
    tokens, width = value.shape[2:]
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    if tree.blocks is None:  # made once for all layers
        tree.blocks = find_blocks(tree.end)
    blocks: Blocks = tree.blocks
    dtype = products_dtype(query)
    query, key, value = (_padded(part.to(dtype), len(blocks.end)) for part in (query, key, value))
    attend = _attend_compiled if query.is_cuda else _attend
    said = attend(query, key, value, blocks.end, blocks.lists, scale, options.get("softcap"))
    return said[:, :, :tokens, :width].transpose(1, 2).contiguous(), None


def _padded(part: torch.Tensor, length: int) -> torch.Tensor:
    # Contiguous: with keys of other strides the compiled gradient was wrong (issue 146377 of pytorch/pytorch).
    right, below = max(0, _NARROWEST - part.shape[3]), length - part.shape[2]
    return torch.nn.functional.pad(part, (0, right, 0, below)).contiguous()


def _attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    end: torch.Tensor,
    lists: tuple[torch.Tensor, ...],
    scale: float | str,
    softcap: float | str | None,
) -> torch.Tensor:
    """Everything that is compiled, with the mask inside it: nothing but shapes and numbers can make it compile anew."""
    length = query.shape[2]

    def sees(batch: torch.Tensor, head: torch.Tensor, q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        return (k <= q) & (q < end[k])

    def capped(
        score: torch.Tensor, batch: torch.Tensor, head: torch.Tensor, q: torch.Tensor, k: torch.Tensor
    ) -> torch.Tensor:
        cap = float(softcap or "nan")
        return torch.tanh(score / cap) * cap

    make: Any = BlockMask
    mask = make((length, length), *lists, BLOCK_SIZE=(_BLOCK, _BLOCK), mask_mod=sees)
    score_mod = None if softcap is None else capped
    said: torch.Tensor = flex_attention(query, key, value, score_mod, mask, float(scale), enable_gqa=True)
    return said


def _attend_compiled(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    end: torch.Tensor,
    lists: tuple[torch.Tensor, ...],
    scale: float,
    softcap: float | None,
) -> torch.Tensor:
    """As `_attend`. Raises Unfit where no kernel can be made."""
    from torch import _dynamo  # a second to import; on a CPU nobody waits for it

    # Else a size that happens to equal the number of heads is taken for it, and compiled once more.
    _dynamo.mark_dynamic(end, 0)
    for tensor in (query, key, value):
        _dynamo.mark_dynamic(tensor, 2)
    for tensor in lists:
        _dynamo.mark_dynamic(tensor, list(range(2, tensor.ndim)))
    # As text: `dynamic=True` makes a variable of a float, and no score_mod can hold one (torch 2.13).
    constants = [None if number is None else repr(float(number)) for number in (scale, softcap)]
    try:
        return _compiled()(query, key, value, end, lists, *constants)
    except (_dynamo.exc.TorchDynamoException, _dynamo.exc.FailOnRecompileLimitHit, NotImplementedError) as error:
        raise Unfit(f"FlexAttention could not be compiled: {one_line(str(error), 200)}") from error


@cache
def _compiled() -> Callable[..., torch.Tensor]:
    from torch import _dynamo

    # Past the limit it would be computed plainly, with every score in memory; `fullgraph` makes that an error.
    _dynamo.config.recompile_limit = max(_dynamo.config.recompile_limit, _GRAPHS)
    compiled: Callable[..., torch.Tensor] = torch.compile(_attend, dynamic=True, fullgraph=True)
    return compiled


AttentionInterface.register(FLEX, block_attention)
