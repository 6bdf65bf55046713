"""An adapter as GGUF: the format's bytes, and heads turned as llama.cpp turns them."""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from roleplay.export.gguf import Heads, adapter_gguf
from roleplay.models.shape import Shape

HEADS, KEYS, SIZE, WIDTH, RANK = 4, 2, 8, 24, 3


@dataclass
class Read:
    """A GGUF file, read by the format's rules."""

    metadata: dict[str, Any]
    tensors: dict[str, np.ndarray[Any, Any]]


def read_gguf(data: bytes) -> Read:
    at = 0

    def take(form: str) -> Any:
        nonlocal at
        (value,) = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return value

    def text() -> str:
        nonlocal at
        size = take("Q")
        at += size
        return data[at - size : at].decode()

    assert (take("4s"), take("I")) == (b"GGUF", 3)
    tensors, keys = take("Q"), take("Q")
    metadata = {text(): {8: text, 6: lambda: take("f")}[take("I")]() for _ in range(keys)}
    infos = [(text(), [take("Q") for _ in range(take("I"))], take("I"), take("Q")) for _ in range(tensors)]
    begin = -(-at // 32) * 32
    found = {}
    for name, shape, kind, offset in infos:
        assert (kind, offset % 32) == (0, 0)
        count = int(np.prod(shape))
        found[name] = np.frombuffer(data, "<f4", count, begin + offset).reshape(shape[::-1])
    return Read(metadata, found)


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    rows = {"q_proj": HEADS * SIZE, "k_proj": KEYS * SIZE, "v_proj": KEYS * SIZE}
    return {
        f"base_model.model.model.layers.{layer}.self_attn.{name}.lora_{half}.weight": torch.randn(
            (RANK, WIDTH) if half == "A" else (rows[name], RANK), generator=generator
        )
        for layer in range(2)
        for name in rows
        for half in "AB"
    }


def written(tensors: dict[str, torch.Tensor], *, paired: bool = False, shape: Shape = Shape(RANK, 6.0)) -> Read:
    return read_gguf(adapter_gguf("llama", tensors, shape, Heads(HEADS, KEYS, paired)))


def test_every_tensor_is_there_under_its_name(tensors: dict[str, torch.Tensor]) -> None:
    found = written(tensors)
    assert found.metadata == {
        "general.architecture": "llama",
        "general.type": "adapter",
        "adapter.type": "lora",
        "adapter.lora.alpha": 6.0,
    }
    assert len(found.tensors) == 12
    for layer in range(2):
        for letter in "qkv":
            for half in "AB":
                wanted = tensors[f"base_model.model.model.layers.{layer}.self_attn.{letter}_proj.lora_{half}.weight"]
                name = f"blk.{layer}.attn_{letter}.weight.lora_{half.lower()}"
                assert np.array_equal(found.tensors[name], wanted.numpy())


def halves(vectors: torch.Tensor, at: int) -> torch.Tensor:
    """Rotary positions as transformers' llama has them: number i goes with number i + size / 2."""
    angle = at * 10000 ** -(torch.arange(SIZE // 2) * 2 / SIZE)
    one, two = vectors[..., : SIZE // 2], vectors[..., SIZE // 2 :]
    return torch.cat([one * angle.cos() - two * angle.sin(), two * angle.cos() + one * angle.sin()], -1)


def neighbours(vectors: torch.Tensor, at: int) -> torch.Tensor:
    """Rotary positions as llama.cpp has them for llama: number 2i goes with number 2i + 1."""
    angle = at * 10000 ** -(torch.arange(SIZE // 2) * 2 / SIZE)
    one, two = vectors[..., ::2], vectors[..., 1::2]
    turned = torch.stack([one * angle.cos() - two * angle.sin(), two * angle.cos() + one * angle.sin()], -1)
    return turned.flatten(-2)


def test_attention_is_the_same_where_pairs_lie_side_by_side(tensors: dict[str, torch.Tensor]) -> None:
    asked, seen = torch.randn(2, WIDTH, generator=torch.Generator().manual_seed(1)).unbind()
    theirs = {name: torch.tensor(value) for name, value in written(tensors, paired=True).tensors.items()}

    def ours(letter: str, x: torch.Tensor, heads: int) -> torch.Tensor:
        stem = f"base_model.model.model.layers.1.self_attn.{letter}_proj.lora_"
        return (tensors[stem + "B.weight"] @ tensors[stem + "A.weight"] @ x).reshape(heads, SIZE)

    def turned(letter: str, x: torch.Tensor, heads: int) -> torch.Tensor:
        stem = f"blk.1.attn_{letter}.weight.lora_"
        return (theirs[stem + "b"] @ theirs[stem + "a"] @ x).reshape(heads, SIZE)

    share = HEADS // KEYS
    wanted = halves(ours("q", asked, HEADS), 7) * halves(ours("k", seen, KEYS), 3).repeat_interleave(share, 0)
    found = neighbours(turned("q", asked, HEADS), 7) * neighbours(turned("k", seen, KEYS), 3).repeat_interleave(
        share, 0
    )
    assert torch.allclose(found.sum(-1), wanted.sum(-1), rtol=1e-4, atol=1e-4)
    assert torch.equal(ours("v", seen, KEYS), turned("v", seen, KEYS))


def test_the_scale_of_rslora_goes_into_alpha(tensors: dict[str, torch.Tensor]) -> None:
    alpha = written(tensors, shape=Shape(RANK, 6.0, rslora=True)).metadata["adapter.lora.alpha"]
    assert alpha / RANK == pytest.approx(6.0 / RANK**0.5, rel=1e-6)


def test_other_tensors_are_no_part_of_it(tensors: dict[str, torch.Tensor]) -> None:
    with pytest.raises(ValueError, match="o_proj"):
        written({"base_model.model.model.layers.0.self_attn.o_proj.lora_A.weight": torch.zeros(1, 1)})
