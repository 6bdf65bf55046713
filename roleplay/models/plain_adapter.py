"""An adapter as strangers get it: what a plain LoRA needs, and no trace of its author's machine."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from roleplay.models.passport import PASSPORT, BaseIdentity, Passport, read_passport
from roleplay.models.shape import CONFIG, WEIGHTS, Shape, read_shape
from roleplay.paths import write_file

PARTS = (WEIGHTS, CONFIG, PASSPORT)
"""Files of such an adapter."""


def plain_config(shape: Shape, names: Sequence[str], base: BaseIdentity, *, fan_in_fan_out: bool) -> dict[str, Any]:
    """peft's configuration of a plain LoRA on the modules called `names`: no key more than says how it is computed."""
    return {
        "base_model_name_or_path": base.name,
        "bias": "none",
        "fan_in_fan_out": fan_in_fan_out,
        "inference_mode": True,
        "lora_alpha": int(shape.alpha) if shape.alpha.is_integer() else shape.alpha,  # Ollama takes no 64.0
        "lora_dropout": 0.0,
        "peft_type": "LORA",
        "r": shape.rank,
        "revision": base.revision,
        "target_modules": sorted(names),
        "task_type": "CAUSAL_LM",
        "use_rslora": shape.rslora,
    }


def plain_passport(passport: Passport, made_by: str) -> Passport:
    """The passport with `made_by` for the name of the run, which tells when it was begun and where."""
    return replace(passport, run=made_by)


def plain_parts(folder: Path, made_by: str) -> dict[str, bytes]:
    """Content of configuration and passport by file name, the same whenever it is asked. Raises AdapterError.

    The weights lie in `folder` as they are to be taken.
    """
    shape, passport = read_shape(folder), read_passport(folder)
    value = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    config = plain_config(
        shape, value["target_modules"], passport.base, fan_in_fan_out=bool(value.get("fan_in_fan_out"))
    )
    return {
        CONFIG: _json(config),
        PASSPORT: _json(asdict(plain_passport(passport, made_by))),
    }


def write_plain(folder: Path, target: Path, made_by: str) -> Passport:
    """Write the adapter in `folder` into the folder `target`, which is there. Raises AdapterError or StorageError."""
    for name, content in plain_parts(folder, made_by).items():
        write_file(target / name, content)
    write_file(target / WEIGHTS, (folder / WEIGHTS).read_bytes())
    return plain_passport(read_passport(folder), made_by)


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n").encode()
