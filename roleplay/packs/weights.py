"""Weights of an adapter, checked before any library loads them: header, shapes, and every number."""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from roleplay.errors import PackError
from roleplay.packs.manifest import PackedAdapter
from roleplay.text import one_line

_MOST_HEADER = 4 * 2**20
_BLOCK = 2**22
_KEY = re.compile(r"base_model\.model\.([A-Za-z0-9_.]{1,200})\.lora_(A|B)\.weight")
_WIDTH = {"F32": 4, "F16": 2, "BF16": 2}
_EXPONENT = {"F32": (np.uint32, 0x7F800000), "F16": (np.uint16, 0x7C00), "BF16": (np.uint16, 0x7F80)}
"""All bits of the exponent: set in NaN and the infinities, and in no other number."""


@dataclass(frozen=True)
class Tensor:
    """One entry of a header of safetensors."""

    dtype: str
    """In the words of safetensors."""
    shape: tuple[int, ...]
    """Its sizes."""
    begin: int
    """First byte behind the header."""
    end: int
    """One past the last."""

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


def read_header(path: Path) -> tuple[dict[str, Tensor], int]:
    """Tensors of a file of safetensors and the byte they begin at. Raises PackError for a header that is none.

    The format: eight bytes of length, that much JSON, then the tensors without gaps, in the order of their offsets
    (https://github.com/huggingface/safetensors).
    """
    tensors, metadata, start = _header(path)
    if metadata not in ({}, {"format": "pt"}):
        raise PackError(f"{path.name} carries notes besides its weights ({one_line(str(metadata), 60)})")
    at = 0
    for name, tensor in sorted(tensors.items(), key=lambda pair: (pair[1].begin, pair[1].end)):
        wide = _WIDTH.get(tensor.dtype)
        if wide is None:
            raise PackError(f"{path.name} holds '{one_line(name)}' as {one_line(tensor.dtype, 10)}; F32, F16 or BF16")
        if tensor.begin != at or tensor.end - at != wide * tensor.elements:
            raise PackError(f"{path.name} says otherwise than it is about the bytes of '{one_line(name)}'")
        at = tensor.end
    if at != path.stat().st_size - start:
        raise PackError(f"{path.name} has {path.stat().st_size - start:,} bytes of weights, and its tensors {at:,}")
    return tensors, start


def adapter_problems(path: Path, adapter: PackedAdapter) -> list[str]:
    """Where the weights at `path` are other than the manifest says, or no numbers. Raises PackError as the header."""
    tensors, start = read_header(path)
    problems = [problem for name, tensor in tensors.items() for problem in _tensor_problems(name, tensor, adapter)]
    modules = {match[1] for name in tensors if (match := _KEY.fullmatch(name))}
    problems += [
        f"lacks half of the LoRA on '{module}'"
        for module in sorted(modules)
        if any(f"base_model.model.{module}.lora_{half}.weight" not in tensors for half in "AB")
    ]
    problems += _layer_problems(modules, adapter)
    count = sum(tensor.elements for tensor in tensors.values())
    if (len(modules), count) != (adapter.modules, adapter.parameters):
        problems.append(
            f"holds {count:,} numbers on {len(modules)} modules, and the manifest says {adapter.parameters:,} on "
            f"{adapter.modules}"
        )
    if not problems:
        problems += [f"holds NaN or infinity in '{name}'" for name in _not_finite(path, tensors, start)]
    return problems[:20]


def _tensor_problems(name: str, tensor: Tensor, adapter: PackedAdapter) -> list[str]:
    match = _KEY.fullmatch(name)
    if match is None or match[1].rsplit(".", 1)[-1] not in adapter.targets:
        return [f"holds '{one_line(name)}', which is no half of a LoRA on {', '.join(adapter.targets)}"]
    if tensor.dtype != adapter.dtype:
        return [f"holds '{name}' as {tensor.dtype}, and the manifest says {adapter.dtype}"]
    # A is (rank, in), B is (out, rank).
    if len(tensor.shape) != 2 or 0 in tensor.shape or tensor.shape["AB".index(match[2])] != adapter.rank:
        return [f"holds '{name}' as {tensor.shape}, which is no matrix of rank {adapter.rank}"]
    return []


def _layer_problems(modules: set[str], adapter: PackedAdapter) -> list[str]:
    """Every layer from 0 on has each of the targets once."""
    seen: dict[str, list[int]] = {target: [] for target in adapter.targets}
    for module in modules:
        numbers = re.findall(r"(?:^|\.)(\d{1,5})(?=\.)", module)
        target = module.rsplit(".", 1)[-1]
        if numbers and target in seen:
            seen[target].append(int(numbers[0]))
    layers = adapter.modules // len(adapter.targets)
    odd = [target for target, found in seen.items() if sorted(found) != list(range(layers))]
    return [f"does not sit on {target} of each of {layers} layers" for target in odd]


def _not_finite(path: Path, tensors: Mapping[str, Tensor], start: int) -> Iterator[str]:
    data = np.memmap(path, np.uint8, "r", offset=start)
    for name, tensor in tensors.items():
        kind, exponent = _EXPONENT[tensor.dtype]
        for at in range(tensor.begin, tensor.end, _BLOCK):
            block = data[at : min(at + _BLOCK, tensor.end)].view(kind)
            if ((block & exponent) == exponent).any():
                yield name
                break


def fit_problems(path: Path, adapter: PackedAdapter, base: Iterable[Path]) -> list[str]:
    """Where the adapter at `path` does not fit the weights of its base, which lie in the files `base`.

    Modules that the base stores under other names are left to whoever loads the two.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for file in base:
        shapes |= {name: tensor.shape for name, tensor in _header(file)[0].items()}
    problems = []
    halves = [(name, tensor, match) for name, tensor in read_header(path)[0].items() if (match := _KEY.fullmatch(name))]
    known = any(f"{match[1]}.weight" in shapes for _, _, match in halves)
    for name, tensor, match in halves:
        shape = shapes.get(f"{match[1]}.weight")
        if shape is None and known:
            problems.append(f"holds '{name}', and the base has no such module")
        if shape is None or len(shape) != 2:
            continue
        out, into = reversed(shape) if adapter.fan_in_fan_out else shape
        if tensor.shape != ((adapter.rank, into) if match[2] == "A" else (out, adapter.rank)):
            problems.append(f"holds '{name}' as {tensor.shape}, and the base has ({out}, {into}) there")
    return problems[:20]


def _header(path: Path) -> tuple[dict[str, Tensor], Any, int]:
    """Tensors, the metadata beside them, and the byte behind the header."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(_MOST_HEADER, size - 8):
            raise PackError(f"{path.name} has a header of {length:,} bytes in a file of {size:,}")
        text = file.read(length)
    try:
        value = json.loads(text.decode(), object_pairs_hook=_once)
        metadata = value.pop("__metadata__", {})
        return {str(name): _tensor(entry) for name, entry in value.items()}, metadata, 8 + length
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise PackError(f"{path.name} has a damaged header ({one_line(str(error), 80)})") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; another reader might take the first of two values where we take the last."""
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a key is given twice")
    return value


def _tensor(entry: Mapping[str, Any]) -> Tensor:
    shape, (begin, end) = entry["shape"], entry["data_offsets"]
    numbers = [*shape, begin, end]
    if set(entry) != {"dtype", "shape", "data_offsets"} or any(type(number) is not int for number in numbers):
        raise ValueError(f"an entry is {one_line(str(entry), 60)}")
    if min(numbers) < 0 or max(numbers) > 2**48 or len(shape) > 8:
        raise ValueError(f"an entry is {one_line(str(entry), 60)}")
    return Tensor(str(entry["dtype"]), tuple(shape), begin, end)
