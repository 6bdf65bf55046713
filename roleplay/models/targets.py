"""The q, k and v projections of a model, resolved from its own modules."""

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from torch import nn

from roleplay.errors import AdapterError

# Complete sets of names for q, k and v, separate or fused; the names are those of transformers' model files.
_NAME_SETS = (
    ("q_proj", "k_proj", "v_proj"),
    ("query_key_value",),
    ("qkv_proj",),
    ("c_attn",),
    ("Wqkv",),
    ("q", "k", "v"),
    ("query", "key", "value"),
)
_LAYER = re.compile(r"(?:^|\.)(\d+)\.")


@dataclass(frozen=True)
class Targets:
    """Where the adapter goes."""

    names: tuple[str, ...]
    """Last parts of the module names, the form that peft and servers expect."""
    modules: tuple[str, ...]
    """Full names of every module found."""
    layers: int
    """Number of layers, each of which has all of `names`."""
    fan_in_fan_out: bool
    """Whether the weights are stored (in, out), as in GPT-2's Conv1D."""

    def __str__(self) -> str:
        return f"{', '.join(self.names)} of all {self.layers} layers ({len(self.modules)} modules)"


def find_targets(model: Any) -> Targets:
    """Resolve q, k and v. Raises AdapterError unless every layer has them."""
    config = model.config.get_text_config() if hasattr(model.config, "get_text_config") else model.config
    layers = int(getattr(config, "num_hidden_layers", None) or getattr(config, "num_layers", None) or 0)
    linear: dict[str, nn.Module] = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) or type(module).__name__ in ("Conv1D", "Linear4bit", "Linear8bitLt")
    }
    near_misses: list[str] = []
    for names in _NAME_SETS:
        found: dict[int, list[str]] = defaultdict(list)
        for name in linear:
            match = _LAYER.search(name)
            if match and name.rsplit(".", 1)[-1] in names:
                found[int(match[1])].append(name)
        if not found:
            continue
        complete = [i for i in found if len(found[i]) == len(names)]
        if sorted(complete) == list(range(layers)):
            modules = tuple(name for i in sorted(found) for name in sorted(found[i]))
            conv = type(linear[modules[0]]).__name__ == "Conv1D"
            return Targets(names, modules, layers, conv)
        near_misses.append(f"{'/'.join(names)} in {len(complete)} of {layers} layers")
    seen = sorted({name.rsplit(".", 1)[-1] for name in linear})
    raise AdapterError(
        f"cannot find q, k and v in every layer of a {model.config.model_type} model "
        f"({'; '.join(near_misses) or 'none found'}; its linear modules are called {', '.join(seen)}); "
        "use a base whose attention has q, k and v projections"
    )
