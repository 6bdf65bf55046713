"""The device a table is made on: its clock, its memory, the rate of its matrix products."""

import contextlib
import datetime
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from tests.bench.training.machine import machine

RESULTS = Path(__file__).parents[3] / "data" / "bench" / "gpu"
_SIDES = {"cuda": (4096, 8192, 16384), "cpu": (512, 1024)}
"""Of the square products that the rate is the best of."""


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line."""

    device: str = "cuda"
    """`cuda`, or `cpu` to try a part at small size."""
    shapes: tuple[str, ...] = ()
    """Keys of `SHAPES`; empty leaves them to the part."""
    prefixes: tuple[int, ...] = ()
    """Tokens of the prefix; empty leaves them to the part."""
    only: tuple[str, ...] = ()
    """Rows that are made, by the names a part gives them; empty makes all."""
    quick: bool = False
    """The fewest steps that show a part works; its figures mean little."""
    folder: Path = RESULTS
    """Where rows are kept."""

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights and of products: bfloat16 on a GPU, float32 on a CPU."""
        return torch.bfloat16 if self.device == "cuda" else torch.float32

    def wants(self, name: str) -> bool:
        """Whether the row `name` is to be made."""
        return not self.only or name in self.only


def synchronize(device: str) -> None:
    """Wait until everything that was asked of the device is done."""
    if device == "cuda":
        torch.cuda.synchronize()


def forget_peak(device: str) -> None:
    """Give back what is kept for later, and measure the highest memory from here on."""
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peak_bytes(device: str) -> int | None:
    """Bytes in tensors at the worst moment since `forget_peak`, weights included; `None` on a CPU."""
    return torch.cuda.max_memory_allocated() if device == "cuda" else None


@contextlib.contextmanager
def at_most(device: str, limit: int | None) -> Iterator[None]:
    """Let torch have no more than `limit` bytes of the GPU for a while, as on a smaller card; `None` sets none."""
    if device != "cuda" or limit is None:
        yield
        return
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, limit / total))
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def matrix_rate(device: str, dtype: torch.dtype, *, seconds: float = 0.3) -> float:
    """Floating-point operations a second of the best of a few large square products, each measured for so long."""
    return max(_rate(device, dtype, side, seconds) for side in _SIDES[device])


def _rate(device: str, dtype: torch.dtype, side: int, seconds: float) -> float:
    one, other = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    out = torch.empty_like(one)
    for _ in range(3):
        torch.mm(one, other, out=out)
    synchronize(device)
    done, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < seconds:
        for _ in range(4):  # a GPU is not to wait for each
            torch.mm(one, other, out=out)
        synchronize(device)
        done += 4
    return 2.0 * side**3 * done / took


def hardware(device: str) -> dict[str, Any]:
    """On what and with which versions a table is made, as plain values; what cannot be told is left out."""
    found = machine()
    with contextlib.suppress(PackageNotFoundError):
        found["versions"]["bitsandbytes"] = version("bitsandbytes")
    found["date"] = datetime.datetime.now(datetime.UTC).date().isoformat()
    if device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        found |= {"gpu": properties.name, "gpu_bytes": properties.total_memory, "cuda": torch.version.cuda}
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
            told = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=20)
            found["driver"] = told.stdout.split()[0]
    return found
