"""Weights of strangers: header, shapes and numbers, before any library loads them."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

from roleplay.errors import PackError
from roleplay.models.spec import weight_files
from roleplay.packs.manifest import PackedAdapter
from roleplay.packs.weights import adapter_problems, fit_problems, read_header
from roleplay.paths import shipped
from tests.packs.mimi import RANK, random_weights

STEM = "base_model.model.model.layers.0.self_attn.q_proj"
Weights = dict[str, np.ndarray]


def described(**other: Any) -> PackedAdapter:
    weights = random_weights()
    told = {
        "rank": RANK,
        "alpha": 4.0,
        "rslora": False,
        "fan_in_fan_out": False,
        "targets": ["k_proj", "q_proj", "v_proj"],
        "modules": len(weights) // 2,
        "dtype": "F32",
        "parameters": sum(one.size for one in weights.values()),
        "step": 1,
        "heldout_loss": None,
    }
    return PackedAdapter.model_validate(told | other)


def found(path: Path, change: Callable[[Weights], object] = lambda weights: None, **other: Any) -> list[str]:
    weights = random_weights()
    change(weights)
    save_file(weights, path / "a.safetensors", metadata={"format": "pt"})
    return adapter_problems(path / "a.safetensors", described(**other))


def put(name: str, value: np.ndarray) -> Callable[[Weights], object]:
    return lambda weights: weights.update({name: value})


def test_good_weights_have_no_problem_and_fit_their_base(tmp_path: Path) -> None:
    assert found(tmp_path) == []
    base = weight_files(shipped() / "data" / "pocket")
    assert fit_problems(tmp_path / "a.safetensors", described(), base) == []


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_infinity_are_found_in_every_number_format(kind: torch.dtype, bad: float, tmp_path: Path) -> None:
    weights = {name: torch.from_numpy(one).to(kind) for name, one in random_weights().items()}
    dtype = {torch.bfloat16: "BF16", torch.float16: "F16", torch.float32: "F32"}[kind]
    save_torch(weights, tmp_path / "a.safetensors")
    assert adapter_problems(tmp_path / "a.safetensors", described(dtype=dtype)) == []
    weights[f"{STEM}.lora_B.weight"][-1, -1] = bad
    save_torch(weights, tmp_path / "a.safetensors")
    assert adapter_problems(tmp_path / "a.safetensors", described(dtype=dtype)) == [
        f"holds NaN or infinity in '{STEM}.lora_B.weight'"
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda weights: weights.pop(f"{STEM}.lora_B.weight"), f"lacks half of the LoRA on '{STEM[17:]}'"),
        (put(f"{STEM}.lora_A.weight", np.zeros((3, 256), np.float32)), "which is no matrix of rank 2"),
        (put(f"{STEM}.lora_A.weight", np.zeros(512, np.float32)), "which is no matrix of rank 2"),
        (put(f"{STEM}.lora_A.weight", np.zeros((2, 256), np.float16)), "as F16, and the manifest says F32"),
        (put("base_model.model.lm_head.weight", np.zeros((2, 2), np.float32)), "no half of a LoRA on k_proj"),
        (put("base_model.model.model.layers.0.mlp.up_proj.lora_A.weight", np.zeros((2, 2), np.float32)), "no half"),
        (put("base_model.model.model.layers.9.self_attn.q_proj.lora_A.weight", np.zeros((2, 2), np.float32)), "lacks"),
    ],
)
def test_what_is_no_lora_on_the_declared_modules_is_told(
    change: Callable[[Weights], object], told: str, tmp_path: Path
) -> None:
    assert any(told in problem for problem in found(tmp_path, change)), found(tmp_path, change)


@pytest.mark.parametrize(
    "other", [{"modules": 17}, {"parameters": 1}, {"rank": 4}, {"targets": ["q_proj"]}, {"dtype": "BF16"}]
)
def test_a_manifest_that_says_otherwise_is_told(other: dict[str, Any], tmp_path: Path) -> None:
    assert found(tmp_path, **other)


def test_weights_of_another_base_do_not_fit(tmp_path: Path) -> None:
    narrow = {name: one[:, : one.shape[1] // 2] if "lora_A" in name else one for name, one in random_weights().items()}
    save_file(narrow, tmp_path / "a.safetensors")
    problems = fit_problems(tmp_path / "a.safetensors", described(), weight_files(shipped() / "data" / "pocket"))
    assert len(problems) == 18
    assert all("and the base has" in problem for problem in problems)


def test_modules_that_the_base_lacks_are_told(tmp_path: Path) -> None:
    other = {name.replace("layers.0.self_attn", "layers.0.mlp"): one for name, one in random_weights().items()}
    save_file(other, tmp_path / "a.safetensors")
    problems = fit_problems(tmp_path / "a.safetensors", described(), weight_files(shipped() / "data" / "pocket"))
    assert len(problems) == 6
    assert all("and the base has no such module" in problem for problem in problems)


def header(value: Any, data: bytes = b"", length: int | None = None) -> bytes:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


ONE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "a header of 0 bytes in a file of 0|damaged header"),
        (header({}, length=2**62), "a header of"),
        (header(b"{"), "damaged header"),
        (header(b"[" * 100_000), "damaged header"),
        (header([1]), "damaged header"),
        (header({"a": {"dtype": "F32"}}), "damaged header"),
        (header({"a": ONE | {"more": 1}}, b"1234"), "damaged header"),
        (header({"a": ONE | {"shape": [-1]}}, b"1234"), "damaged header"),
        (header({"a": ONE | {"shape": [2**50]}}, b"1234"), "damaged header"),
        (header({"a": ONE | {"shape": [True]}}, b"1234"), "damaged header"),
        (header({"a": ONE | {"dtype": "F64", "data_offsets": [0, 8]}}, b"12345678"), "as F64; F32, F16 or BF16"),
        (header({"a": ONE | {"shape": [2]}}, b"1234"), "says otherwise than it is"),
        (header({"a": ONE, "b": ONE}, b"1234"), "says otherwise than it is"),
        (header({"a": ONE, "b": ONE | {"data_offsets": [8, 12]}}, b"1" * 12), "says otherwise than it is"),
        (header({"a": ONE}, b"12345678"), "has 8 bytes of weights, and its tensors 4"),
        (header({"a": ONE, "__metadata__": {"run": "/home/x"}}, b"1234"), "carries notes"),
    ],
)
def test_a_header_that_lies_is_refused(content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(PackError, match=told):
        read_header(tmp_path / "a.safetensors")
