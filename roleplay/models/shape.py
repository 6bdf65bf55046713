"""Rank and scale of an adapter, read from its folder without loading anything."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roleplay.errors import AdapterError
from roleplay.paths import shown
from roleplay.text import one_line

WEIGHTS = "adapter_model.safetensors"
"""Name of the file of weights in the folder of an adapter."""
CONFIG = "adapter_config.json"
"""Name of peft's configuration beside it."""
_MORE_THAN_PLAIN = ("use_dora", "rank_pattern", "alpha_pattern", "layers_to_transform", "layer_replication")


@dataclass(frozen=True)
class Shape:
    """What makes the weights of a LoRA fit and count."""

    rank: int
    """Rank of the matrices."""
    alpha: float
    """Scale is alpha / rank."""
    rslora: bool = False
    """Scale is alpha / sqrt(rank) instead."""


def read_shape(folder: Path, names: Sequence[str] | None = None) -> Shape:
    """Rank and scale of the adapter in `folder`, on the modules called `names` where they are known.

    Raises AdapterError where it is no plain LoRA.
    """
    path = folder / CONFIG
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        shape = Shape(int(value["r"]), float(value["lora_alpha"]), bool(value.get("use_rslora")))
        wanted = sorted(str(name) for name in value["target_modules"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise AdapterError(f"{shown(path)} is missing or damaged: {one_line(str(error))}; train again") from error
    kinds = [str(value.get("peft_type")), *(key for key in _MORE_THAN_PLAIN if value.get(key))]
    if kinds != ["LORA"] or (names is not None and wanted != sorted(names)):
        raise AdapterError(
            f"{shown(path)} describes no plain LoRA on {', '.join(names or ['q, k and v'])} "
            f"(seen: {one_line(', '.join(kinds))} on {one_line(', '.join(wanted))}); lanes need one"
        )
    return shape
