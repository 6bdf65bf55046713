"""Attach a new adapter to a base, save one, load one: plain peft folders of safetensors."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from safetensors import SafetensorError, safe_open
from transformers import PreTrainedModel

from roleplay.errors import AdapterError
from roleplay.models.base import Base
from roleplay.models.passport import PASSPORT, BaseIdentity, Passport, read_passport
from roleplay.models.shape import WEIGHTS, Shape, read_shape
from roleplay.models.targets import Targets, find_targets
from roleplay.paths import new_folder, shown, write_file
from roleplay.text import one_line

PERSONA = "persona"
"""Name of the loaded adapter inside a model; the untouched base is peft's `__base__`."""


def attach_new(
    model: PreTrainedModel, *, rank: int, alpha: float, dropout: float, rslora: bool = False
) -> tuple[PeftModel, Targets]:
    """A trainable LoRA on q, k and v of every layer. Raises AdapterError unless each of them got one."""
    targets = find_targets(model)
    tuned = get_peft_model(model, _lora(Shape(rank, alpha, rslora), targets, dropout))
    _check_attached(tuned, targets)
    return tuned, targets


def attach_saved(base: Base, folder: Path, *, dropout: float) -> tuple[PeftModel, Targets]:
    """The adapter in `folder`, to be trained on. Raises AdapterError where it cannot be loaded onto `base`."""
    tuned, targets = _attach(base, folder, name="default", dropout=dropout, trainable=True)
    return tuned.train(), targets


def _lora(shape: Shape, targets: Targets, dropout: float, *, trainable: bool = True) -> LoraConfig:
    return LoraConfig(
        r=shape.rank,
        lora_alpha=shape.alpha,
        use_rslora=shape.rslora,
        lora_dropout=dropout,
        target_modules=list(targets.names),
        bias="none",
        fan_in_fan_out=targets.fan_in_fan_out,
        task_type="CAUSAL_LM",
        inference_mode=not trainable,
    )


def _check_attached(tuned: PeftModel, targets: Targets) -> None:
    attached = {
        name.removeprefix("base_model.model.") for name, module in tuned.named_modules() if hasattr(module, "lora_A")
    }
    if attached != set(targets.modules):
        odd = sorted(attached ^ set(targets.modules))
        raise AdapterError(
            f"the adapter would not sit on exactly q, k and v (differing: {', '.join(odd[:4])}); report this"
        )


def save_adapter(
    tuned: PeftModel, folder: Path, passport: Passport, readme: str, weights: dict[str, torch.Tensor] | None = None
) -> None:
    """Write a plain peft folder that names its base without any path of this machine; whole or not at all.

    `weights` are the model's, given where they do not lie in this process's `tuned`.
    """
    with new_folder(folder) as fresh:
        # peft's own choice asks the hub, at every save, whether the vocabulary grew.
        tuned.save_pretrained(str(fresh), safe_serialization=True, save_embedding_layers=False, state_dict=weights)
        config = json.loads((fresh / "adapter_config.json").read_text(encoding="utf-8"))
        config["base_model_name_or_path"] = passport.base.name
        config["revision"] = passport.base.revision
        write_file(fresh / "adapter_config.json", json.dumps(config, indent=2, sort_keys=True) + "\n")
        write_file(fresh / PASSPORT, json.dumps(asdict(passport), indent=2, ensure_ascii=False) + "\n")
        write_file(fresh / "README.md", readme)


def check_adapter(folder: Path, identity: BaseIdentity) -> Passport:
    """Refuse an adapter that was trained on another base. Raises AdapterError."""
    passport = read_passport(folder)
    differing = passport.base.differences(identity)
    if differing:
        same_name = passport.base.name == identity.name
        other = (
            f"another '{identity.name}' than this"
            if same_name
            else f"'{passport.base.name}', not on this '{identity.name}'"
        )
        raise AdapterError(
            f"the adapter in {shown(folder)} was trained on {other} (differing: {', '.join(differing)}); give its base "
            f"with --base, or train on this one with 'roleplay train {passport.character}'"
        )
    return passport


def load_adapter(base: Base, folder: Path, name: str = PERSONA) -> PeftModel:
    """Attach the adapter in `folder`, called `name`, beside the untouched base. Raises AdapterError.

    Only safetensors are read, and of the configuration only what a plain LoRA needs: a stranger's file can run nothing.
    """
    tuned, _ = _attach(base, folder, name=name, dropout=0.0, trainable=False)
    return tuned.eval()


def load_beside(tuned: PeftModel, base: Base, folder: Path, name: str) -> None:
    """Attach one more adapter of `base`, called `name`, beside those of `tuned`. Raises AdapterError."""
    config = _checked(base, folder, _targets_of(tuned), dropout=0.0, trainable=False)
    with _loading(folder):
        tuned.add_adapter(name, config)
        try:
            tuned.load_adapter(str(folder), adapter_name=name)
        except BaseException:
            tuned.delete_adapter(name)
            raise


def _attach(base: Base, folder: Path, *, name: str, dropout: float, trainable: bool) -> tuple[PeftModel, Targets]:
    targets = find_targets(base.model)
    config = _checked(base, folder, targets, dropout=dropout, trainable=trainable)
    with _loading(folder):
        tuned = PeftModel.from_pretrained(
            base.model, str(folder), adapter_name=name, config=config, is_trainable=trainable
        )
    return tuned, targets


def _checked(base: Base, folder: Path, targets: Targets, *, dropout: float, trainable: bool) -> LoraConfig:
    """What peft needs to load the adapter in `folder`. Raises AdapterError where it does not fit `base`."""
    check_adapter(folder, base.identity)
    if not (folder / WEIGHTS).is_file():
        raise AdapterError(f"{shown(folder)} holds no {WEIGHTS}; only safetensors are loaded, never pickled weights")
    shape = read_shape(folder, targets.names)
    with _loading(folder):
        _check_weights(folder / WEIGHTS, targets)
    return _lora(shape, targets, dropout, trainable=trainable)


@contextlib.contextmanager
def _loading(folder: Path) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError, SafetensorError, OSError) as error:
        raise AdapterError(
            f"the adapter in {shown(folder)} cannot be loaded: {one_line(str(error), 200)}; train again"
        ) from error


def _targets_of(tuned: PeftModel) -> Targets:
    """Where the adapters of `tuned` sit: the modules that peft put in place no longer have the names to be found by."""
    layers = {
        name.removeprefix("base_model.model."): m for name, m in tuned.named_modules() if isinstance(m, LoraLayer)
    }
    names = tuple(sorted({name.rsplit(".", 1)[-1] for name in layers}))
    fan_in_fan_out = any(config.fan_in_fan_out for config in tuned.peft_config.values())
    return Targets(names, tuple(layers), len(layers) // len(names), fan_in_fan_out)


def _check_weights(path: Path, targets: Targets) -> None:
    """Both halves of every module and nothing else: peft would leave what is missing as it is, and skip the rest."""
    with safe_open(path, framework="pt") as file:
        found = set(file.keys())
    expected = {f"base_model.model.{module}.lora_{half}.weight" for module in targets.modules for half in "AB"}
    if found != expected:
        raise ValueError(f"its weights are not those of q, k and v ({', '.join(sorted(found ^ expected))})")


def adapter_parameters(tuned: PeftModel) -> int:
    """Number of trainable parameters."""
    return sum(parameter.numel() for parameter in tuned.parameters() if parameter.requires_grad)
