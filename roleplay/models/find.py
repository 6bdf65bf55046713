"""Which adapters answer for a character: the promoted one, the newest of finished runs and packs, the shipped ones."""

import contextlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roleplay.cards.installed import active_pack, in_use_since
from roleplay.errors import AdapterError
from roleplay.models.passport import Passport, read_passport
from roleplay.paths import Home, recover_folder, shipped, shown
from roleplay.text import one_line

_KEPT = re.compile(r"best|last|epoch-(\d+(?:\.\d+)?)")
SHIPPED = "shipped"
"""What stands for a run's name where the adapter came with the program; no run may have it."""


@dataclass(frozen=True)
class AdapterChoice:
    """One adapter of a character that a person can choose."""

    run: str
    """Name of the run that made it; `shipped` for one that came with the program, `pack-…` with a pack."""
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


@dataclass(frozen=True)
class Promoted:
    """The adapter that a person made the character's."""

    run: str
    """Name of its run; `shipped` for one that came with the program."""
    which: str
    """`best`, `last` or `epoch-N`."""

    @property
    def label(self) -> str:
        """How it is named in a chat: `RUN@which`."""
        return f"{self.run}@{self.which}"


def adapter_folders(home: Home, character: str, which: str = "best") -> list[Path]:
    """Folders that hold an adapter of `character`, the one to use first; `which` is `best`, `last` or `epoch-N`.

    The promoted run comes first. Where its `best` is asked for, that is the adapter that was promoted.
    """
    places, own = _places(home, character), promoted_adapter(home, character)
    found = [place / which for _, place in places]
    if own is not None:
        first = own.which if which == "best" else which
        found = [*(place / first for run, place in places if run == own.run), *found]
    return [folder for folder in dict.fromkeys(found) if _is_there(folder)]


def adapter_choices(home: Home, character: str) -> list[AdapterChoice]:
    """Every adapter of `character`: the newest run first; in each the best, the last, then by epoch."""
    found = []
    for name, place in _places(home, character):
        with contextlib.suppress(FileNotFoundError):  # its run is just being removed
            for old in place.glob(".*.old"):
                recover_folder(place / old.name[1 : -len(".old")])
            kept = [(match, folder) for folder in place.glob("*") if (match := _KEPT.fullmatch(folder.name))]
            for _, folder in sorted(kept, key=lambda pair: (float(pair[0][1] or 0), pair[1].name)):
                if folder.is_dir():
                    found.append(_choice(name, folder))
    return found


def answering_adapter(home: Home, character: str) -> AdapterChoice | None:
    """The adapter that answers by itself; `None` where the character has none."""
    folders = adapter_folders(home, character)
    if not folders:
        return None
    ships = folders[0].parent == _shipped_adapters(character)
    return _choice(SHIPPED if ships else folders[0].parents[1].name, folders[0])


def promoted_adapter(home: Home, character: str) -> Promoted | None:
    """What was promoted, if it can be read and is still there; else the character does without."""
    try:
        own = read_promoted(home, character)
    except AdapterError:
        return None  # lists of all characters must not end at the file of one; `promotion_trouble` tells of it
    if own is None:
        return None
    there = any(_is_there(place / own.which) for run, place in _places(home, character) if run == own.run)
    return own if there else None


def read_promoted(home: Home, character: str) -> Promoted | None:
    """What was promoted, gone or not; `None` where nothing was. Raises AdapterError where the file is damaged."""
    path = promoted_file(home, character)
    try:
        value = json.loads(path.read_bytes())
        own = Promoted(**value)
        if not isinstance(own.run, str) or not _KEPT.fullmatch(own.which):
            raise ValueError(f"seen: {value}")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise AdapterError(
            f"{shown(path)} is damaged ({one_line(str(error))}), so that nobody can tell which adapter was promoted; "
            f"promote it again with 'roleplay runs promote {character} RUN', or none with --none"
        ) from error
    return own


def promoted_file(home: Home, character: str) -> Path:
    """Where the promoted adapter is noted; no run can have that name."""
    return home.runs / character / ".promoted.json"


def _places(home: Home, character: str) -> list[tuple[str, Path]]:
    """Names of finished runs and of the pack in use, the newest first, then `shipped`; with folders of adapters."""
    dated = [(_finished(run), run) for run in run_folders(home, character)]
    pack = active_pack(home, character)
    if pack is not None:
        with contextlib.suppress(OSError):  # it is just being removed
            dated.append((in_use_since(home, character), pack))
    newest = sorted(((at, run) for at, run in dated if at is not None), reverse=True)
    return [*((run.name, run / "adapter") for _, run in newest), (SHIPPED, _shipped_adapters(character))]


def _is_there(folder: Path) -> bool:
    recover_folder(folder)
    return folder.is_dir()


def _choice(run: str, folder: Path) -> AdapterChoice:
    passport = _passport(folder)
    step, loss = (passport.step, passport.heldout_loss) if passport is not None else (None, None)
    return AdapterChoice(run, folder.name, folder, step, loss)


def run_folders(home: Home, character: str) -> list[Path]:
    """What lies among the runs of a character, in no order; what is hidden is none, or is being removed."""
    folder = home.runs / character
    return [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []


def _finished(run: Path) -> float | None:
    """When the run was finished, seconds since the epoch; `None` where it was not, or is just being removed."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return (run / "summary.json").stat().st_mtime
    return None


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
    if source:
        return str(source)
    base = read_passport(folder).base
    return base.name if base.revision is None else f"{base.name}@{base.revision}"


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
