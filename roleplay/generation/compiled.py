"""Steps of one token compiled over keys and values of fixed size, so that a GPU replays them as one CUDA graph.

Prompts are computed as ever; the steps behind them are compiled once for each combination of lanes, strength and size,
while the reader waits after the first token. A longer prompt alone compiles nothing: room is doubled when it runs out.
"""

import torch
from transformers import CompileConfig, DynamicCache, PreTrainedModel, StaticCache
from transformers.cache_utils import StaticLayer

from roleplay.errors import BaseModelError
from roleplay.generation.one_thread import own_graphs

_ROOM = 1024
"""Columns at least."""
_GRAPHS = 32
"""Combinations that are compiled; torch runs later ones as they are."""


class Compiled:
    """What `generate` is given so that it compiles."""

    def __init__(self, model: PreTrainedModel, context: int, config: CompileConfig | None = None) -> None:
        """`config` is torch's; left out, it is that of CUDA graphs, and then the model must lie on a GPU.

        Raises BaseModelError for a base that cannot be compiled.
        """
        device = model.device.type
        if config is None and device != "cuda":
            raise BaseModelError(
                f"only a model on a GPU is compiled, and this one is on the {device}; compute it as it is"
            )
        quantizer = getattr(model, "hf_quantizer", None)
        if quantizer is not None and not quantizer.is_compileable:
            raise BaseModelError(
                "transformers compiles no base kept in so few bits; compute it as it is, or load it without --quant"
            )
        if not model._can_compile_fullgraph or not model._supports_default_dynamic_cache():
            raise BaseModelError(
                f"a base of the kind {model.config.model_type} cannot be compiled; compute it as it is"
            )
        # Sizes are few and stay as they are: with one that may change, the compiled steps would be slower.
        self.config = config or CompileConfig(dynamic=False)
        self.recorded = device == "cuda"
        """Whether steps are recorded as CUDA graphs."""
        self.context = context
        self._text = model.config.get_text_config(decoder=True)
        self._cache: StaticCache | None = None
        self._size = (0, 0)

    def begin(self, past: DynamicCache | None, rows: int, columns: int) -> StaticCache:
        """Room for `rows` of `columns` tokens, holding what `past` holds of them; `None` is nothing.

        The tensors are those of the call before wherever they fit, since a graph is tied to their addresses.
        """
        from torch import _dynamo

        if self.recorded:
            own_graphs()
        _dynamo.config.recompile_limit = max(_dynamo.config.recompile_limit, _GRAPHS)
        room = self._room(columns)
        if self._cache is None or self._size[0] != rows or self._size[1] < room:
            self._cache, self._size = StaticCache(config=self._text, max_cache_len=room), (rows, room)
        cache = self._cache
        cache.reset()
        known = past.get_seq_length() if past is not None else 0
        if past is not None and known:
            for layer, old in zip(cache.layers, past.layers, strict=True):
                _fill(layer, old.keys, old.values, known)
        return cache

    def _room(self, columns: int) -> int:
        room = _ROOM
        while room < columns:
            room *= 2
        return min(room, max(columns, self.context))


def _fill(layer: StaticLayer, keys: torch.Tensor, values: torch.Tensor, known: int) -> None:
    """Put keys and values (B, heads, known, depth) at the beginning of a layer of fixed size."""
    if not layer.is_initialized:
        layer.lazy_initialization(keys, values)
    layer.keys[:, :, :known] = keys
    layer.values[:, :, :known] = values
    layer.cumulative_length.fill_(known)
