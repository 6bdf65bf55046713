"""Attention over a tree of tokens: each token sees the way from the root to itself.

Registered with transformers under the names in `TREE_ATTENTION`, so that no model's own code changes; the plan of the
tree at hand comes as the keyword argument `tree` of the model's forward pass.
"""

from typing import Any

import torch
from transformers import AttentionInterface

from roleplay.models.tree_plan import DENSE, GROUPED, Batch, TreePlan, Unfit, check_fit, products_dtype

_LANES = 32
"""Rows of scores are a multiple of this long: the softmax handles what is left over number by number."""


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
    check_fit(tree, options)
    if options.get("softcap") is not None:
        raise Unfit("SDPA has no softcap")
    tree.calls += 1
    index = torch.arange(len(tree.end), device=tree.end.device)
    sees = (index[None, :] <= index[:, None]) & (index[:, None] < tree.end[None, :])
    groups = query.shape[1] // key.shape[1]
    key, value = (part.repeat_interleave(groups, dim=1) for part in (key, value))
    said = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=sees, scale=scaling)
    return said.transpose(1, 2).contiguous(), None


@torch.compiler.disable  # type: ignore[untyped-decorator]
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
    check_fit(tree, options)
    tree.calls += 1
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    dtype = products_dtype(query)
    parts = [part[0].transpose(0, 1).to(dtype) for part in (query, key, value)]
    said: torch.Tensor = _Grouped.apply(*parts, tree.batches, scale, options.get("softcap"))  # type: ignore[no-untyped-call]
    return said[None], None


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
        """Query (T, H, D), key and value (T, K, D) with H a multiple of K; result (T, H, D)."""
        said = _with_spare_row(query)
        kept = []
        for batch in batches:
            shape = _Shape(query, key, batch)
            scores = shape.scores(shape.asked(query), key, scale)
            if softcap is not None:
                scores.div_(softcap).tanh_()
                kept.append(scores)
                scores = scores * softcap
            shape.hide_later(scores)
            # The kernel computes in float32 whatever it reads and writes.
            weights = torch.softmax(scores, -1, out=scores)
            shape.put(said, shape.weighted(weights, value))
            kept.append(weights)
        ctx.save_for_backward(query, key, value, *kept)
        ctx.batches, ctx.scale, ctx.softcap = batches, scale, softcap
        return said[:-1]

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[Any, ...]:
        """Gradients of query, key and value."""
        query, key, value, *kept = ctx.saved_tensors
        grads = [_with_spare_row(part) for part in (query, key, value)]
        each = 1 if ctx.softcap is None else 2
        for i, batch in enumerate(ctx.batches):
            *capped, weights = kept[i * each : (i + 1) * each]
            shape = _Shape(query, key, batch)
            wanted = shape.asked(grad, padding_is_zero=True)
            slope = shape.scores(wanted, value, 1.0)
            torch._softmax_backward_data(slope, weights, -1, slope.dtype, grad_input=slope)
            if capped:
                slope *= 1 - capped[0].square()
            shape.put(grads[0], shape.weighted(slope, key, ctx.scale))
            shape.send(grads[1], slope, shape.asked(query), ctx.scale)
            shape.send(grads[2], weights, wanted, 1.0)
        return (*(part[:-1] for part in grads), None, None, None)


def _with_spare_row(part: torch.Tensor) -> torch.Tensor:
    """Room for one row a token and one that takes what padding writes, (T + 1, heads, D)."""
    return part.new_empty(part.shape[0] + 1, *part.shape[1:])


class _Shape:
    """The products of one batch: K key heads, G queries to each, m segments of n tokens, a tokens above them.

    Queries are (K, m, G, n, D), scores (K, m, G, n, C): a columns for the keys above, n for their own, and some more
    that weigh nothing. The keys above are shared by all segments: they are multiplied once, without a copy for each.
    """

    def __init__(self, query: torch.Tensor, key: torch.Tensor, batch: Batch) -> None:
        self.batch, self.a = batch, batch.a
        self.m, self.n = batch.rows.shape
        self.heads, self.width = key.shape[1:]
        self.group = query.shape[1] // self.heads
        self.columns = -(-(self.a + self.n) // _LANES) * _LANES

    def _rows(self, indices: torch.Tensor, heads: int) -> torch.Tensor:
        """Rows of a (T * heads, D) tensor for `indices` (m, n), ordered (K, m, G, n), or (K, m, n) for keys."""
        group = heads // self.heads
        head = torch.arange(heads, device=indices.device).view(self.heads, 1, group, 1)
        return (indices[:, None, :] * heads + head).reshape(-1)

    def asked(self, part: torch.Tensor, *, padding_is_zero: bool = False) -> torch.Tensor:
        """The batch's rows of a tensor (T, H, D), as (K, m, G, n, D)."""
        heads = part.shape[1]
        taken = part.reshape(-1, self.width).index_select(0, self._rows(self.batch.rows, heads))
        taken = taken.view(self.heads, self.m, -1, self.n, self.width)
        if padding_is_zero:
            taken *= (self.batch.places < len(part)).to(taken.dtype)[:, None, :, None]
        return taken

    def _own(self, part: torch.Tensor) -> torch.Tensor:
        """Keys or values of the segments, (K * m, n, D)."""
        return self.asked(part).view(self.heads * self.m, self.n, self.width)

    def _above(self, part: torch.Tensor) -> torch.Tensor:
        """Keys or values above them, (K, a, D)."""
        return part[self.batch.above].transpose(0, 1)

    def scores(self, asked: torch.Tensor, key: torch.Tensor, scale: float) -> torch.Tensor:
        """Products of the rows with the keys above and with their own, times `scale`, (K, m, G, n, C)."""
        own = _times(asked.view(self.heads * self.m, -1, self.width), self._own(key).transpose(1, 2), scale)
        scores = own.new_empty(self.heads, self.m, self.group, self.n, self.columns)
        scores[..., self.a : self.a + self.n] = own.view(self.heads, self.m, self.group, self.n, self.n)
        scores[..., self.a + self.n :] = 0
        if self.a:
            above, _ = self._split(scores)
            asked = asked.view(self.heads, -1, self.width)
            torch.baddbmm(above, asked, self._above(key).transpose(1, 2), beta=0, alpha=scale, out=above)
        return scores

    def hide_later(self, scores: torch.Tensor) -> None:
        """No token sees a later one of its segment; padding comes after every real one, so it is hidden too."""
        hidden = scores.new_full((self.n, self.columns - self.a), float("-inf")).triu(1)
        scores[..., self.a :] += hidden

    def _split(self, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Those for the keys above, (K, m * G * n, a), and for their own, (K * m, G * n, n)."""
        above = weights.view(self.heads, -1, self.columns)[..., : self.a]
        return above, weights.view(self.heads * self.m, -1, self.columns)[..., self.a : self.a + self.n]

    def weighted(self, weights: torch.Tensor, value: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
        """Sums of the values above and of their own, weighted, times `scale`, (K, m, G, n, D)."""
        above, own = self._split(weights)
        if self.a:
            said = _times(above, self._above(value), scale)
            said.view(self.heads * self.m, -1, self.width).baddbmm_(own, self._own(value), alpha=scale)
        else:
            said = _times(own, self._own(value), scale)
        return said

    def put(self, target: torch.Tensor, rows: torch.Tensor) -> None:
        """Write rows into `target`, (T + 1, heads, D)."""
        heads = target.shape[1]
        target.view(-1, self.width).index_copy_(0, self._rows(self.batch.places, heads), rows.view(-1, self.width))

    def send(self, target: torch.Tensor, weights: torch.Tensor, rows: torch.Tensor, scale: float) -> None:
        """What the rows send to their own keys, and add it to those above; `target` is (T + 1, K, D)."""
        above, own = self._split(weights)
        # The rows are turned, not the weights: those are many more, and bfloat16 products would copy them.
        sent = _times(rows.view(self.heads * self.m, -1, self.width).transpose(1, 2), own, scale)
        self.put(target, sent.transpose(1, 2).contiguous())
        if self.a:
            sent = _times(rows.view(self.heads, -1, self.width).transpose(1, 2), above, scale)
            target[self.batch.above] += sent.permute(2, 0, 1)


def _times(one: torch.Tensor, other: torch.Tensor, scale: float) -> torch.Tensor:
    """A batch of products (B, n, k) (B, k, m), times `scale`, in one pass."""
    if scale == 1:
        return torch.bmm(one, other)
    return torch.baddbmm(one.new_empty(1), one, other, beta=0, alpha=scale)


TREE_ATTENTION = {DENSE: dense_attention, GROUPED: grouped_attention}
"""Names for `set_attn_implementation`."""

for _name, _function in TREE_ATTENTION.items():
    AttentionInterface.register(_name, _function)
