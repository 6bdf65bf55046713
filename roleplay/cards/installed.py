"""Which packs are installed, and which version of each is the one in use.

packs/yui/.active                a JSON list of versions in the order in which they came into use; the last is in use
packs/yui/pack-1-3fa8c2d1/       one version, as `packs/places.py` lays it out
"""

import json
from collections.abc import Sequence
from pathlib import Path

from roleplay.cards.model import is_identifier
from roleplay.paths import Home, write_file

_ACTIVE = ".active"


def active_packs(home: Home) -> dict[str, Path]:
    """Name of each character that came in a pack -> folder of the version in use."""
    names = sorted(path.name for path in home.packs.iterdir()) if home.packs.is_dir() else []
    found = {name: active_pack(home, name) for name in names if is_identifier(name)}
    return {name: folder for name, folder in found.items() if folder is not None}


def active_pack(home: Home, name: str) -> Path | None:
    """Folder of the version of `name` in use; `None` where no pack of that name is installed."""
    used = used_versions(home, name)
    return home.packs / name / used[-1] if used else None


def used_versions(home: Home, name: str) -> list[str]:
    """Versions of `name` that are there, in the order in which they came into use."""
    try:
        value = json.loads((home.packs / name / _ACTIVE).read_bytes())
    except (OSError, ValueError):
        return []
    versions = [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
    return [one for one in versions if one.startswith("pack-") and (home.packs / name / one).is_dir()]


def note_used(home: Home, name: str, versions: Sequence[str]) -> None:
    """Keep the order in which versions came into use. Raises StorageError."""
    write_file(home.packs / name / _ACTIVE, json.dumps(list(versions)) + "\n")


def in_use_since(home: Home, name: str) -> float:
    """When the version in use came into use, seconds since the epoch. Raises OSError where none is."""
    return (home.packs / name / _ACTIVE).stat().st_mtime
