"""Which adapter answers for a character: the newest finished run's, else the shipped one."""

import json
from pathlib import Path
from typing import Any

from roleplay.models.passport import read_passport
from roleplay.paths import Home, recover_folder, shipped


def adapter_folders(home: Home, character: str, which: str = "best") -> list[Path]:
    """Folders that hold an adapter of `character`, the one to use first; `which` is `best`, `last` or `epoch-N`."""
    found: list[Path] = []
    runs = home.runs / character
    if runs.is_dir():
        finished = [run for run in runs.iterdir() if (run / "summary.json").is_file()]
        for run in sorted(finished, key=lambda run: (run / "summary.json").stat().st_mtime, reverse=True):
            recover_folder(run / "adapter" / which)
            found.append(run / "adapter" / which)
    found.append(shipped() / "data" / "adapters" / character / which)
    return [folder for folder in found if folder.is_dir()]


def base_of_adapter(folder: Path) -> str:
    """The base to load for an adapter: as its run named it, else as its passport does. Raises AdapterError."""
    source = _run_config(folder).get("base_source")
    return str(source) if source else read_passport(folder).base.name


def quant_of_adapter(folder: Path) -> str:
    """How the base was kept in memory when the adapter was trained; `none` where nobody knows."""
    settings = _run_config(folder).get("settings")
    return str(settings.get("quant", "none")) if isinstance(settings, dict) else "none"


def _run_config(folder: Path) -> dict[str, Any]:
    """Configuration of the run an adapter lies in; empty for one that ships, or where it is damaged."""
    try:
        value = json.loads((folder.parents[1] / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
