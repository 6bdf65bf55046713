"""An adapter as a GGUF file, the form in which llama.cpp and Ollama take a LoRA.

    magic "GGUF", version 3, counts                 little-endian
    metadata    key, type, value                    architecture of the base, alpha
    tensors     name, shape, type, offset           blk.N.attn_q.weight.lora_a and .lora_b
    data        float32, each tensor at a multiple of 32 bytes

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. llama.cpp scales by alpha / rank.
"""

import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from roleplay.errors import AdapterError
from roleplay.models.shape import WEIGHTS, Shape
from roleplay.paths import shown

if TYPE_CHECKING:
    import torch

_ALIGNMENT = 32
_STRING, _FLOAT32 = 8, 6  # types of metadata
_F32 = 0  # type of a tensor
_PROJECTIONS = {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v"}
_KEY = re.compile(r"base_model\.model\.model\.layers\.(\d+)\.self_attn\.([qkv]_proj)\.lora_([AB])\.weight")


@dataclass(frozen=True)
class Heads:
    """How rotary pairs lie in q and k: llama.cpp wants those of `llama` side by side."""

    query: int
    """Attention heads."""
    key: int
    """Heads of keys and values."""
    paired: bool
    """Whether the two numbers of a pair are half a head apart in the base's files and side by side in GGUF."""


def adapter_gguf(architecture: str, tensors: "Mapping[str, torch.Tensor]", shape: Shape, heads: Heads) -> bytes:
    """The file's content; `tensors` are those of peft's file. Raises ValueError for one that is not q, k or v."""
    named = dict(sorted(_renamed(tensors, heads).items()))
    alpha = shape.alpha * math.sqrt(shape.rank) if shape.rslora else shape.alpha
    metadata = [
        _text("general.architecture") + struct.pack("<I", _STRING) + _text(architecture),
        _text("general.type") + struct.pack("<I", _STRING) + _text("adapter"),
        _text("adapter.type") + struct.pack("<I", _STRING) + _text("lora"),
        _text("adapter.lora.alpha") + struct.pack("<If", _FLOAT32, alpha),
    ]
    infos, data = b"", b""
    for name, tensor in named.items():
        rows, columns = tensor.shape
        infos += _text(name) + struct.pack("<IQQIQ", 2, columns, rows, _F32, len(data))
        data += _padded(tensor.contiguous().numpy().astype("<f4").tobytes())
    head = b"GGUF" + struct.pack("<IQQ", 3, len(named), len(metadata)) + b"".join(metadata) + infos
    return _padded(head) + data


def read_tensors(folder: Path) -> "dict[str, torch.Tensor]":
    """An adapter's weights by their names in peft's file, in float32. Raises AdapterError."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return {name: tensor.to(torch.float32) for name, tensor in load_file(folder / WEIGHTS).items()}
    except (OSError, SafetensorError) as error:
        raise AdapterError(f"{shown(folder / WEIGHTS)} cannot be read: {error}; train again") from error


def _renamed(tensors: "Mapping[str, torch.Tensor]", heads: Heads) -> "dict[str, torch.Tensor]":
    found = {}
    for key, tensor in tensors.items():
        match = _KEY.fullmatch(key)
        if match is None:
            raise ValueError(key)
        layer, module, half = match.groups()
        if half == "B" and heads.paired and module != "v_proj":
            tensor = _side_by_side(tensor, heads.query if module == "q_proj" else heads.key)
        found[f"blk.{layer}.{_PROJECTIONS[module]}.weight.lora_{half.lower()}"] = tensor
    return found


def _side_by_side(tensor: "torch.Tensor", heads: int) -> "torch.Tensor":
    """Rows of each head from (first halves, second halves) of the pairs to pair after pair: B alone makes the rows."""
    rows, columns = tensor.shape
    return tensor.reshape(heads, 2, rows // heads // 2, columns).transpose(1, 2).reshape(rows, columns)


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % _ALIGNMENT)
