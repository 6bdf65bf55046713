"""Keys and values of rows computed before, laid out so that `generate` goes on from them.

    known     aaaaaa       of a prompt of 9 ids      past    0000aaaaaa | aaa      the last N = 3 columns of every
              bbbbbbbbbb   of a prompt of 13 ids             bbbbbbbbbb | bbb      row are fed

N is that of the row which needs most; the others are cut to it. The attention mask of left-padded prompts hides the
zeros as it hides padding, so that the layout is that of a batch computed anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from transformers import Cache, DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer

from roleplay.generation.growing import GrowingLayer

_ROWS = 12
"""Four lanes and a few of their alternatives."""
_CHANGING = ("dynamic", "longrope")
"""Rotary embeddings that turn old keys otherwise once a text grows long."""


class Row(NamedTuple):
    """What decides keys and values: the weights and the tokens."""

    adapter: str
    """Name of the adapter inside the model."""
    strength: float
    """What it is multiplied by."""
    ids: tuple[int, ...]
    """Token ids, without padding."""


@dataclass(frozen=True)
class _Kept:
    """A row that was computed."""

    row: Row
    """Under which weights, and the ids that the tensors stand for."""
    layers: list[tuple[torch.Tensor, torch.Tensor]]
    """Keys and values of each layer, (heads, tokens, depth)."""

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return sum(keys.nbytes + values.nbytes for keys, values in self.layers)


class KeptRows:
    """The rows that were computed last; the least recently used leave."""

    def __init__(self, model: PreTrainedModel, limit: int = _ROWS, most_bytes: int | None = None) -> None:
        """`most_bytes` are kept at most; left out, a quarter of what is free on the GPU now, and no bound on a CPU."""
        self.config = model.config.get_text_config(decoder=True)
        self.limit = limit
        on_gpu = model.device.type == "cuda"
        self.most_bytes = torch.cuda.mem_get_info(model.device)[0] // 4 if on_gpu and most_bytes is None else most_bytes
        self.usable = _can_be_cut(model)
        """Whether rows can go on from any of their tokens; else nothing is kept."""
        self._rows: list[_Kept] = []

    def begin(self, rows: Sequence[Row], fed: Sequence[int]) -> DynamicCache | None:
        """The past of `rows`, left-padded: (B, heads, longest - N, depth) in each layer, empty where nothing is known.

        Of each row at least the last `fed` ids are left to compute. `None` where this base's cache cannot be cut.
        """
        if not self.usable:
            return None
        found = [self._longest(row) for row in rows]
        lengths = [len(row.ids) for row in rows]
        new = max(max(length - known, n) for length, (_, known), n in zip(lengths, found, fed, strict=True))
        past = DynamicCache(config=self.config)
        past.layers = [GrowingLayer() for _ in past.layers]
        width = max(lengths) - new
        taken = [(kept, max(length - new, 0)) for length, (kept, _) in zip(lengths, found, strict=True)]
        for index, layer in enumerate(past.layers if width > 0 else ()):
            keys, values = (
                _pad([None if kept is None else kept.layers[index][half][:, :n] for kept, n in taken], width)
                for half in (0, 1)
            )
            layer.lazy_initialization(keys, values)
            layer.keys, layer.values = keys, values
        return past

    def keep(self, rows: Sequence[Row], pads: Sequence[int], past: Cache | None) -> None:
        """Keep what `past` holds of `rows`, each after its own number of columns of padding.

        The last ids of a row may be yet to compute; they are left out. Where memory runs out, nothing is kept.
        """
        if past is None or not self.usable:
            return
        try:
            columns = int(past.get_seq_length())
            for index, (row, pad) in enumerate(zip(rows, pads, strict=True)):
                computed = row.ids[: max(columns - pad, 0)]
                self._put(row._replace(ids=computed), past, index, pad)
        except (RuntimeError, MemoryError):  # what torch raises on a CPU has no type of its own
            self.forget()

    def _put(self, row: Row, past: Cache, index: int, pad: int) -> None:
        if self._longest(row)[1] == len(row.ids):
            return
        # A beginning of the new row is of no more use.
        self._rows = [
            old for old in self._rows if old.row[:2] != row[:2] or _common(old.row.ids, row.ids) < len(old.row.ids)
        ]
        columns = slice(pad, pad + len(row.ids))
        halves = [(layer.keys, layer.values) for layer in past.layers]
        layers = [(keys[index, :, columns].clone(), values[index, :, columns].clone()) for keys, values in halves]
        self._rows = [*self._rows, _Kept(row, layers)][-self.limit :]
        while self.most_bytes is not None and self.nbytes > self.most_bytes:
            del self._rows[0]

    def _longest(self, row: Row) -> tuple[_Kept | None, int]:
        """The kept row that shares most with `row`, used just now, and how many ids that is."""
        shared = [_common(kept.row.ids, row.ids) if kept.row[:2] == row[:2] else 0 for kept in self._rows]
        known = max(shared, default=0)
        if not known:
            return None, 0
        best = self._rows.pop(shared.index(known))
        self._rows.append(best)
        return best, known

    @property
    def nbytes(self) -> int:
        """Memory that all rows take."""
        return sum(kept.nbytes for kept in self._rows)

    def forget(self, adapter: str | None = None) -> None:
        """Drop the rows of one adapter, or all."""
        self._rows = [kept for kept in self._rows if adapter is not None and kept.row.adapter != adapter]


def _can_be_cut(model: PreTrainedModel) -> bool:
    """Whether each layer keeps every token's keys and values as they are: no window, no recurrent state."""
    config = model.config.get_text_config(decoder=True)
    rope = str(getattr(config, "rope_parameters", None))
    return (
        model._supports_default_dynamic_cache()
        and all(type(layer) is DynamicLayer for layer in DynamicCache(config=config).layers)
        and not any(name in rope for name in _CHANGING)
    )


def _pad(parts: Sequence[torch.Tensor | None], width: int) -> torch.Tensor:
    """Parts (heads, tokens, depth) as one tensor (B, heads, width, depth), zeros on the left; `None` is all zeros."""
    first = next(part for part in parts if part is not None)
    if len(parts) == 1:
        return first[None]
    heads, _, depth = first.shape
    whole = first.new_zeros(len(parts), heads, width, depth)
    for row, part in zip(whole, parts, strict=True):
        if part is not None:
            row[:, width - part.shape[1] :] = part
    return whole


def _common(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    """Length of the common beginning; by halving, so that tuples are compared in C."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if a[low:middle] == b[low:middle] else (low, middle - 1)
    return low
