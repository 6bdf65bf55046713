"""On what a benchmark ran: processor, threads, versions."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_LIBRARIES = ("torch", "transformers", "peft", "accelerate", "trl", "datasets")
_FLAGS = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_tile")


def machine() -> dict[str, Any]:
    """Plain values; what cannot be told is left out."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8") if info.exists() else ""
    fields = dict(part.split(":", 1) for part in text.splitlines() if ":" in part)
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    return {
        "system": platform.system(),
        "processor": fields.get("model name", platform.processor()),
        "cores": os.cpu_count(),
        "flags": [flag for flag in _FLAGS if flag in fields.get("flags", "").split()],
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _LIBRARIES},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def line_of(found: dict[str, Any]) -> str:
    """In one line."""
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    hardware = f"{found['processor']}, {found['cores']} cores, {' '.join(found['flags'])}"
    return f"{hardware}; Python {found['python']}, {versions}"
