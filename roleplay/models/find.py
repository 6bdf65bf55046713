"""Which adapters answer for a character: those of its finished runs, the newest first, then the shipped ones."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roleplay.errors import AdapterError
from roleplay.models.passport import Passport, read_passport
from roleplay.paths import Home, recover_folder, shipped

_KEPT = re.compile(r"best|last|epoch-(\d+(?:\.\d+)?)")
_SHIPPED = "shipped"


@dataclass(frozen=True)
class AdapterChoice:
    """One adapter of a character that a person can choose."""

    run: str
    """Name of the run that made it; `shipped` for one that came with the program."""
    which: str
    """`best`, `last` or `epoch-N`."""
    folder: Path
    """Where it lies."""
    step: int | None
    """Optimizer step its weights were taken at; `None` where its passport is damaged."""
    heldout_loss: float | None
    """Held-out loss at that step, nats per trained token; `None` where it is not known."""

    @property
    def label(self) -> str:
        """How it is named in a chat: `RUN@which`."""
        return f"{self.run}@{self.which}"


def adapter_folders(home: Home, character: str, which: str = "best") -> list[Path]:
    """Folders that hold an adapter of `character`, the one to use first; `which` is `best`, `last` or `epoch-N`."""
    found: list[Path] = []
    for run in _finished_runs(home, character):
        recover_folder(run / "adapter" / which)
        found.append(run / "adapter" / which)
    found.append(_shipped_adapters(character) / which)
    return [folder for folder in found if folder.is_dir()]


def adapter_choices(home: Home, character: str) -> list[AdapterChoice]:
    """Every adapter of `character`: the newest run first; in each the best, the last, then by epoch."""
    places = [(run.name, run / "adapter") for run in _finished_runs(home, character)]
    found = []
    for name, place in [*places, (_SHIPPED, _shipped_adapters(character))]:
        for old in place.glob(".*.old"):
            recover_folder(place / old.name[1 : -len(".old")])
        kept = [(match, folder) for folder in place.glob("*") if (match := _KEPT.fullmatch(folder.name))]
        for _, folder in sorted(kept, key=lambda pair: (float(pair[0][1] or 0), pair[1].name)):
            if folder.is_dir():
                passport = _passport(folder)
                step, loss = (passport.step, passport.heldout_loss) if passport is not None else (None, None)
                found.append(AdapterChoice(name, folder.name, folder, step, loss))
    return found


def _finished_runs(home: Home, character: str) -> list[Path]:
    """Folders of finished runs, the newest first."""
    runs = home.runs / character
    finished = [run for run in runs.iterdir() if (run / "summary.json").is_file()] if runs.is_dir() else []
    return sorted(finished, key=lambda run: (run / "summary.json").stat().st_mtime, reverse=True)


def _shipped_adapters(character: str) -> Path:
    return shipped() / "data" / "adapters" / character


def _passport(folder: Path) -> Passport | None:
    try:
        return read_passport(folder)
    except AdapterError:
        return None


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
