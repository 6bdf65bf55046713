"""Which tokens of a tree attend together: its segments, cut into blocks and grouped by what comes before them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from roleplay.dataset.tree import Segments, TokenTree, find_segments

GROUPED, DENSE, FLEX = "tree_grouped", "tree_dense", "tree_flex"
"""Names of the attentions over trees, for `set_attn_implementation`."""

_ROOM, _FEW = 1.05, 10_000
"""Segments are attended to together while padding makes their scores at most so many times as many, or so few more."""
_BLOCK = 256
"""Longest run of tokens in one product: of its own scores, half are hidden from it, and computed in vain."""


class Unfit(ValueError):
    """A model's attention cannot be computed over a tree."""


@dataclass(frozen=True)
class Batch:
    """Segments, or blocks of them, that continue the same way, m of them, padded to n tokens."""

    rows: torch.Tensor
    """Indices of their tokens, the last one repeated as padding, (m, n)."""
    places: torch.Tensor
    """The same with T, one past the last token of the tree, as padding, (m, n)."""
    above: torch.Tensor | slice
    """Indices of the a tokens they all continue, from the root down; a slice where they lie side by side."""
    a: int
    """How many those are."""


@dataclass
class TreePlan:
    """What attention needs to know of one tree, as tensors on the model's device."""

    end: torch.Tensor
    """First index after each token's subtree, (T,)."""
    batches: list[Batch]
    """Every token once, after those above it."""
    longest: int
    """Tokens of the longest sample."""
    calls: int = 0
    """Attention layers that have used the plan."""
    blocks: Any = None
    """What FlexAttention makes of it, once it has."""


def check_fit(tree: TreePlan, options: Mapping[str, Any]) -> None:
    """Raises Unfit for what a model passes to its attention and trees have no answer to."""
    window = options.get("sliding_window")
    if window is not None and tree.longest > window:
        raise Unfit(f"samples of {tree.longest} tokens do not fit into its window of {window}")
    if options.get("dropout"):
        raise Unfit("attention dropout is on")
    if options.get("s_aux") is not None:
        raise Unfit("its attention has sinks")


def products_dtype(query: torch.Tensor) -> torch.dtype:
    """The type that queries, keys and values are multiplied in, as SDPA has it.

    Norms and positions in float32 may leave the three in different types under autocast.
    """
    kind = query.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else query.dtype


def plan_tree(tree: TokenTree, device: torch.device | str = "cpu") -> TreePlan:
    """Group the segments of a tree that share what comes before them and are of similar length."""
    segments = _blocks(find_segments(tree))
    batches: list[Batch] = []
    for parent in np.unique(segments.parent):
        above = _tokens_above(segments, int(parent))
        children = np.flatnonzero(segments.parent == parent)
        groups = _similar(children, segments.stop - segments.start, len(above))
        batches += [_batch(segments, group, above, len(tree.ids), device) for group in groups]
    return TreePlan(torch.from_numpy(tree.end).to(device), batches, int(tree.position.max()) + 1)


def _blocks(segments: Segments) -> Segments:
    """Cut long segments into blocks, each the parent of the next; what continued a segment continues its last block."""
    counts = -(-(segments.stop - segments.start) // _BLOCK)
    last = np.cumsum(counts) - 1
    first = last - counts + 1
    start, stop, parent = (np.empty(int(counts.sum()), dtype=np.int64) for _ in range(3))
    for k, count in enumerate(counts):
        edges = segments.start[k] + np.arange(count + 1) * _BLOCK
        edges[-1] = segments.stop[k]
        here = slice(first[k], last[k] + 1)
        start[here], stop[here] = edges[:-1], edges[1:]
        parent[here] = np.arange(first[k] - 1, last[k])
        parent[first[k]] = last[segments.parent[k]] if segments.parent[k] >= 0 else -1
    return Segments(start, stop, parent)


def _tokens_above(segments: Segments, parent: int) -> NDArray[np.int64]:
    parts: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    while parent >= 0:
        parts.append(np.arange(segments.start[parent], segments.stop[parent]))
        parent = int(segments.parent[parent])
    return np.concatenate(parts[::-1])


def _similar(children: NDArray[np.int64], lengths: NDArray[np.int64], above: int) -> list[list[int]]:
    """Groups of segments whose scores, padded to the longest of the group, cost little more than they must."""
    groups: list[list[int]] = []
    for child in sorted(children.tolist(), key=lambda child: -int(lengths[child])):
        if groups:
            sizes = [int(lengths[k]) for k in [*groups[-1], child]]
            padded = len(sizes) * sizes[0] * (above + sizes[0])
            if padded <= _FEW + _ROOM * sum(size * (above + size) for size in sizes):
                groups[-1].append(child)
                continue
        groups.append([child])
    return groups


def _batch(
    segments: Segments, group: Sequence[int], above: NDArray[np.int64], tokens: int, device: torch.device | str
) -> Batch:
    start, stop = segments.start[list(group)][:, None], segments.stop[list(group)][:, None]
    rows = start + np.arange(int((stop - start).max()))
    real = rows < stop
    side_by_side = len(above) > 0 and above[-1] - above[0] == len(above) - 1
    return Batch(
        rows=torch.from_numpy(np.where(real, rows, stop - 1)).to(device),
        places=torch.from_numpy(np.where(real, rows, tokens)).to(device),
        above=slice(int(above[0]), int(above[-1]) + 1) if side_by_side else torch.from_numpy(above).to(device),
        a=len(above),
    )
