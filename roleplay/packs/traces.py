"""What a pack must not tell of the machine it was made on."""

from pathlib import Path

from roleplay.packs.manifest import MANIFEST, Manifest
from roleplay.packs.places import installed_place, is_text
from roleplay.paths import Home
from roleplay.text import one_line


def traces(folder: Path, manifest: Manifest, home: Home) -> list[str]:
    """Where a text of the pack unpacked into `folder` names a folder of this person; each with its line."""
    places = {str(place).rstrip("/\\") for place in (Path.home(), home.root, Path.cwd())} - {""}
    found = []
    for name in (*(entry.path for entry in manifest.entries), MANIFEST):
        if not is_text(name):
            continue
        for number, line in enumerate(_lines(folder / installed_place(name, manifest.name)), 1):
            named = next((place for place in sorted(places, key=len, reverse=True) if _names(line, place)), None)
            if named is not None:
                found.append(f"'{one_line(name, 120)}' names {named} in line {number}")
    return found


def _names(line: str, place: str) -> bool:
    """Whether `line` names the folder `place` or something in it; `/rooted` is not in `/root`."""
    at = line.find(place)
    return at >= 0 and not line[at + len(place) : at + len(place) + 1].isalnum()


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n")
