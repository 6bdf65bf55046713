"""Attention over a tree of tokens: each token sees the way from the root to itself.

Registered with transformers under the names in `TREE_ATTENTION`, so that no model's own code changes; the plan of the
tree at hand comes as the keyword argument `tree` of the model's forward pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AttentionInterface

from roleplay.dataset.tree import Segments, TokenTree, find_segments

_ROOM = 1.3
"""Segments are attended to together while padding adds less than this to their tokens squared."""


class Unfit(ValueError):
    """This model's attention cannot be computed over a tree."""


@dataclass(frozen=True)
class Batch:
    """Segments that continue the same way, m of them, padded to n tokens."""

    rows: torch.Tensor
    """Indices of their tokens, the last one repeated as padding, (m, n)."""
    real: torch.Tensor
    """Which of them are no padding, (m, n)."""
    above: torch.Tensor
    """Indices of the tokens they all continue, from the root down, (a,)."""


@dataclass
class TreePlan:
    """What attention needs to know of one tree, as tensors on the model's device."""

    end: torch.Tensor
    """First index after each token's subtree, (T,)."""
    batches: list[Batch]
    """Every segment once."""
    longest: int
    """Tokens of the longest sample."""
    calls: int = 0
    """Attention layers that have used the plan."""


def plan_tree(tree: TokenTree, device: torch.device | str = "cpu") -> TreePlan:
    """Group the segments of a tree that share what comes before them and are of similar length."""
    segments = find_segments(tree)
    batches: list[Batch] = []
    for parent in np.unique(segments.parent):
        above = _tokens_above(segments, int(parent))
        children = np.flatnonzero(segments.parent == parent)
        groups = _similar(children, segments.stop - segments.start)
        batches += [_batch(segments, group, above, device) for group in groups]
    return TreePlan(torch.from_numpy(tree.end).to(device), batches, int(tree.position.max()) + 1)


def _tokens_above(segments: Segments, parent: int) -> NDArray[np.int64]:
    parts: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    while parent >= 0:
        parts.append(np.arange(segments.start[parent], segments.stop[parent]))
        parent = int(segments.parent[parent])
    return np.concatenate(parts[::-1])


def _similar(children: NDArray[np.int64], lengths: NDArray[np.int64]) -> list[list[int]]:
    """Groups of segments whose scores, padded to the longest of the group, cost little more than they must."""
    groups: list[list[int]] = []
    for child in sorted(children.tolist(), key=lambda child: -int(lengths[child])):
        if groups:
            sizes = [int(lengths[k]) for k in [*groups[-1], child]]
            if len(sizes) * sizes[0] ** 2 <= _ROOM * sum(size**2 for size in sizes):
                groups[-1].append(child)
                continue
        groups.append([child])
    return groups


def _batch(segments: Segments, group: Sequence[int], above: NDArray[np.int64], device: torch.device | str) -> Batch:
    start, stop = segments.start[list(group)][:, None], segments.stop[list(group)][:, None]
    rows = start + np.arange(int((stop - start).max()))
    tensors = (np.minimum(rows, stop - 1), rows < stop, above)
    return Batch(*(torch.from_numpy(array).to(device) for array in tensors))


def dense_attention(
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
    """The oracle: SDPA with the whole mask. Query (1, H, T, D), result (1, T, H, D)."""
    _check(tree, options)
    if options.get("softcap") is not None:
        raise Unfit("SDPA has no softcap")
    tree.calls += 1
    index = torch.arange(len(tree.end), device=tree.end.device)
    sees = (index[None, :] <= index[:, None]) & (index[:, None] < tree.end[None, :])
    groups = query.shape[1] // key.shape[1]
    key, value = (part.repeat_interleave(groups, dim=1) for part in (key, value))
    said = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=sees, scale=scaling)
    return said.transpose(1, 2).contiguous(), None


def grouped_attention(
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
    """Each batch of segments against itself and the tokens above it. Query (1, H, T, D), result (1, T, H, D)."""
    _check(tree, options)
    tree.calls += 1
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    said: torch.Tensor = _Grouped.apply(query[0], key[0], value[0], tree.batches, scale, options.get("softcap"))  # type: ignore[no-untyped-call]
    return said.transpose(0, 1)[None].contiguous(), None


def _check(tree: TreePlan, options: dict[str, Any]) -> None:
    window = options.get("sliding_window")
    if window is not None and tree.longest > window:
        raise Unfit(f"samples of {tree.longest} tokens do not fit into its window of {window}")
    if options.get("dropout"):
        raise Unfit("attention dropout is on")


class _Grouped(torch.autograd.Function):
    """Scores exist only between a segment, itself and what is above it; gradients are added up in place."""

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        batches: list[Batch],
        scale: float,
        softcap: float | None,
    ) -> torch.Tensor:
        """Query (H, T, D), key and value (K, T, D) with H a multiple of K; result (H, T, D)."""
        said = torch.empty_like(query)
        kept = []
        for batch in batches:
            shape = _Shape(query, key, batch)
            asked = shape.rows(query)
            raw = shape.scores(asked, key) * scale
            capped = raw if softcap is None else torch.tanh(raw / softcap) * softcap
            weights = capped.masked_fill(shape.hidden, float("-inf")).softmax(-1, dtype=torch.float32).to(query.dtype)
            shape.put(said, shape.weighted(weights, value))
            kept += [weights] if softcap is None else [weights, capped]
        ctx.save_for_backward(query, key, value, *kept)
        ctx.batches, ctx.scale, ctx.softcap = batches, scale, softcap
        return said

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[Any, ...]:
        """Gradients of query, key and value."""
        query, key, value, *kept = ctx.saved_tensors
        grads = [torch.zeros_like(part) for part in (query, key, value)]
        each = 1 if ctx.softcap is None else 2
        for i, batch in enumerate(ctx.batches):
            weights, *capped = kept[i * each : (i + 1) * each]
            shape = _Shape(query, key, batch)
            wanted = shape.rows(grad) * shape.real
            # In float32, as the softmax was: the slopes of a row sum to zero only where nothing is rounded in between.
            slope = shape.scores(wanted, value).float()
            slope = weights * (slope - (weights * slope).sum(-1, keepdim=True))
            if capped:
                slope = slope * (1 - (capped[0] / ctx.softcap).square())
            slope = (slope * ctx.scale).to(query.dtype)
            shape.put(grads[0], shape.weighted(slope, key))
            shape.add(grads[1], slope, shape.rows(query))
            shape.add(grads[2], weights, wanted)
        return (*grads, None, None, None)


class _Shape:
    """The products of one batch: K key heads, G queries to each, m segments of n tokens, a tokens above them.

    Queries are (K, m, G, n, D), scores (K, m, G, n, a + n): the a keys above are shared by all segments, so they are
    multiplied once, without a copy for each.
    """

    def __init__(self, query: torch.Tensor, key: torch.Tensor, batch: Batch) -> None:
        self.batch = batch
        self.m, self.n = batch.rows.shape
        self.a, self.heads, self.width = len(batch.above), key.shape[0], key.shape[-1]
        self.group = query.shape[0] // key.shape[0]
        # A padded token comes after every real one of its segment: the causal mask hides it too.
        later = torch.ones(self.n, self.n, dtype=torch.bool, device=query.device).triu(1)
        self.hidden = torch.nn.functional.pad(later, (self.a, 0))
        self.real = batch.real[None, :, None, :, None]

    def rows(self, part: torch.Tensor) -> torch.Tensor:
        """The batch's rows of a tensor that has query heads, (H, T, D) -> (K, m, G, n, D)."""
        taken = part[:, self.batch.rows.reshape(-1)]
        return taken.view(self.heads, self.group, self.m, self.n, -1).transpose(1, 2).contiguous()

    def _own(self, part: torch.Tensor) -> torch.Tensor:
        return part[:, self.batch.rows.reshape(-1)].view(self.heads * self.m, self.n, -1)

    def _above(self, part: torch.Tensor) -> torch.Tensor:
        return part[:, self.batch.above]

    def scores(self, asked: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        """Products of the rows with the keys above and with their own, (K, m, G, n, a + n)."""
        shape = (self.heads, self.m, self.group, self.n, -1)
        own = torch.bmm(asked.reshape(self.heads * self.m, -1, self.width), self._own(key).transpose(1, 2)).view(shape)
        if not self.a:
            return own
        above = torch.bmm(asked.reshape(self.heads, -1, self.width), self._above(key).transpose(1, 2)).view(shape)
        return torch.cat([above, own], dim=-1)

    def weighted(self, weights: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """Sums of the values above and of their own, weighted, (K, m, G, n, D)."""
        shape = (self.heads, self.m, self.group, self.n, -1)
        above, own = torch.split(weights, [self.a, self.n], dim=-1)
        said = torch.bmm(own.reshape(self.heads * self.m, -1, self.n), self._own(value)).view(shape)
        if self.a:
            said = said + torch.bmm(above.reshape(self.heads, -1, self.a), self._above(value)).view(shape)
        return said

    def put(self, target: torch.Tensor, rows: torch.Tensor) -> None:
        """Write the real rows into `target`, (H, T, D)."""
        flat = rows.transpose(1, 2).reshape(target.shape[0], self.m * self.n, -1)
        real = self.batch.real.reshape(-1)
        target[:, self.batch.rows.reshape(-1)[real]] = flat[:, real]

    def add(self, target: torch.Tensor, weights: torch.Tensor, rows: torch.Tensor) -> None:
        """Add to each key what the rows send it, (K, T, D)."""
        above, own = torch.split(weights, [self.a, self.n], dim=-1)
        sent = torch.bmm(
            own.reshape(self.heads * self.m, -1, self.n).transpose(1, 2),
            rows.reshape(self.heads * self.m, -1, self.width),
        )
        target.index_add_(1, self.batch.rows.reshape(-1), sent.view(self.heads, self.m * self.n, -1))
        if self.a:
            sent = torch.bmm(
                above.reshape(self.heads, -1, self.a).transpose(1, 2), rows.reshape(self.heads, -1, self.width)
            )
            target.index_add_(1, self.batch.above, sent)


TREE_ATTENTION = {"tree_dense": dense_attention, "tree_grouped": grouped_attention}
"""Names for `set_attn_implementation`."""

for _name, _function in TREE_ATTENTION.items():
    AttentionInterface.register(_name, _function)
