"""Train weights of a base itself, all of them or its last layers, and write what comes of it as a new base."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from roleplay.errors import BaseModelError
from roleplay.paths import new_folder, write_file


def unfreeze(model: PreTrainedModel, layers: int | None) -> str:
    """Let the last `layers` layers learn, or every weight where `None`; returns what learns, for people.

    Raises BaseModelError where the model has fewer layers.
    """
    if layers is None:
        model.requires_grad_(True)
        return "every weight"
    count = int(model.config.get_text_config().num_hidden_layers)
    stacks = [part for part in model.modules() if isinstance(part, nn.ModuleList) and len(part) == count]
    if not stacks or layers > count:
        raise BaseModelError(
            f"the last {layers} layers of this {model.config.model_type} model cannot be trained: it has {count}; "
            "choose fewer with --freeze-layers, or --tuning full"
        )
    stacks[0][-layers:].requires_grad_(True)
    return f"the last {layers} of {count} layers"


def save_base(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    folder: Path,
    readme: str,
    *,
    dtype: torch.dtype,
    weights: dict[str, torch.Tensor] | None = None,
) -> None:
    """Write a base that transformers loads, weights in `dtype`; whole or not at all.

    `weights` are given where they do not lie in this process's `model`.
    """
    kept = model.state_dict() if weights is None else weights
    halved = {
        name: tensor.detach().to("cpu", dtype if tensor.is_floating_point() else None)
        for name, tensor in kept.items()
        if name not in model.all_tied_weights_keys  # another name of weights that are here already
    }
    with new_folder(folder) as fresh:
        model.save_pretrained(fresh, state_dict=halved)
        tokenizer.save_pretrained(fresh)
        config: dict[str, Any] = json.loads((fresh / "config.json").read_text(encoding="utf-8"))
        config["dtype"] = str(dtype).removeprefix("torch.")
        write_file(fresh / "config.json", json.dumps(config, indent=2, sort_keys=True) + "\n")
        write_file(fresh / "README.md", readme)
