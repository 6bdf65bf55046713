"""A reward model as a folder: a plain peft adapter for classifiers, head included, which is refused as any other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from safetensors import SafetensorError
from safetensors.torch import load_file

from roleplay.errors import AdapterError
from roleplay.models.adapter import check_adapter, save_adapter
from roleplay.models.base import Base
from roleplay.models.passport import Passport
from roleplay.models.shape import WEIGHTS, Shape, read_shape
from roleplay.models.targets import find_targets
from roleplay.paths import shown
from roleplay.preference.reward_model.head import HEAD, RewardHead, width_of
from roleplay.preference.reward_model.scale import read_scale
from roleplay.preference.reward_model.scores import RewardModel
from roleplay.text import one_line

_HEAD_KEY = f"base_model.model.{HEAD}.weight"


def save_reward(
    tuned: PeftModel, folder: Path, passport: Passport, readme: str, weights: dict[str, torch.Tensor] | None = None
) -> None:
    """Write a model of `attach_reward`, whole or not at all; a scale that was measured on a former one goes.

    `weights` are the model's, given where they do not lie in this process's `tuned`.
    """
    save_adapter(tuned, folder, passport, readme, weights)


def load_reward(base: Base, folder: Path) -> RewardModel:
    """The reward model in `folder`, beside whatever adapter `base` wears. Raises AdapterError.

    Only safetensors are read, and every matrix has to be there, in its shape, with nothing beside them.
    """
    passport = check_adapter(folder, base.identity)
    layers = _layers(base)
    shape = read_shape(folder, sorted({name.rsplit(".", 1)[-1] for name in layers}))
    weights = _read(folder)
    _check(folder, weights, _sizes(base, layers, shape))
    lora = {
        name: (weights[_key(name, "A")].to(base.model.device), weights[_key(name, "B")].to(base.model.device))
        for name in layers
    }
    head = RewardHead(width_of(base))
    head.load_state_dict({"weight": weights[_HEAD_KEY]})
    head.to(base.model.device).requires_grad_(False)
    scaling = shape.alpha / (shape.rank**0.5 if shape.rslora else shape.rank)
    return RewardModel(base, lora, scaling, head, passport, read_scale(folder))


def _layers(base: Base) -> dict[str, Any]:
    """q, k and v of every layer; where adapters lie on them, the modules that peft put in their place."""
    worn = {name: module for name, module in base.model.named_modules() if isinstance(module, LoraLayer)}
    return worn or {name: base.model.get_submodule(name) for name in find_targets(base.model).modules}


def _key(module: str, half: str) -> str:
    return f"base_model.model.{module}.lora_{half}.weight"


def _sizes(base: Base, layers: Mapping[str, Any], shape: Shape) -> dict[str, tuple[int, ...]]:
    """What a file of weights has to hold."""
    sizes: dict[str, tuple[int, ...]] = {_HEAD_KEY: (1, width_of(base))}
    for name, layer in layers.items():
        # GPT-2's Conv1D has other words for them.
        taken, given = (
            (layer.in_features, layer.out_features) if hasattr(layer, "in_features") else (layer.nx, layer.nf)
        )
        sizes |= {_key(name, "A"): (shape.rank, taken), _key(name, "B"): (given, shape.rank)}
    return sizes


def _read(folder: Path) -> dict[str, torch.Tensor]:
    path = folder / WEIGHTS
    if not path.is_file():
        raise AdapterError(f"{shown(folder)} holds no {WEIGHTS}; only safetensors are loaded, never pickled weights")
    try:
        weights: dict[str, torch.Tensor] = load_file(path)
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise AdapterError(
            f"the reward model in {shown(folder)} cannot be loaded: {one_line(str(error), 200)}; train it again"
        ) from error
    return {name: tensor.float() for name, tensor in weights.items()}


def _check(folder: Path, weights: Mapping[str, torch.Tensor], sizes: Mapping[str, tuple[int, ...]]) -> None:
    """Raises AdapterError unless `weights` are exactly those of a reward model."""
    if _HEAD_KEY not in weights:
        raise AdapterError(
            f"{shown(folder)} holds no reward model: its weights lack the head; give one that --stage rm has trained"
        )
    seen = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    odd = sorted(name for name in {*seen, *sizes} if seen.get(name) != sizes.get(name) or 0 in seen[name])
    if odd:
        raise AdapterError(
            f"the reward model in {shown(folder)} cannot be loaded: its weights are not those of q, k, v and a head "
            f"({one_line(', '.join(odd), 200)}); train it again"
        )
