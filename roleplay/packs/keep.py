"""Installed packs: listed, verified, put back to an earlier version, and removed."""

import contextlib
import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from roleplay.cards.installed import note_used, used_versions
from roleplay.cards.model import is_identifier
from roleplay.errors import NotFound, PackError
from roleplay.packs.check import pack_id, problems_of
from roleplay.packs.manifest import MANIFEST, Manifest, parse_manifest
from roleplay.packs.places import installed_place
from roleplay.packs.verdict import read_verdict
from roleplay.paths import Home, set_aside, shown, storing
from roleplay.text import did_you_mean, one_line


@dataclass(frozen=True)
class InstalledPack:
    """One version of a character that came in a pack."""

    name: str
    """Name of the character."""
    version: str
    """Name of its folder: `pack-VERSION-HASH`."""
    folder: Path
    """Where it lies."""
    used: bool
    """Whether it is the version in use."""
    manifest: Manifest | None
    """What it says of itself; `None` where that is damaged."""
    verdict: str
    """What its canaries said when they were run last; empty where they never were."""


def installed_packs(home: Home, name: str | None = None) -> list[InstalledPack]:
    """Every version of every pack, or of those called `name`: by name, the one in use first, then the newest first."""
    names = sorted(path.name for path in home.packs.iterdir()) if home.packs.is_dir() else []
    found = []
    for one in names:
        if is_identifier(one) and name in (None, one):
            used = used_versions(home, one)
            there = {path.name: path for path in (home.packs / one).glob("pack-*") if path.is_dir()}
            order = sorted(
                there, key=lambda version: (version not in used, -used.index(version) if version in used else 0)
            )
            found += [_installed(there[version], used) for version in order]
    return found


def find_pack(home: Home, name: str, version: str | None = None) -> InstalledPack:
    """The version in use of the pack `name`, or the one called `version`. Raises NotFound."""
    packs = installed_packs(home, name)
    for pack in packs:
        if version in (None, pack.version):
            return pack
    if packs:
        known = did_you_mean(version or "", [pack.version for pack in packs])
        raise NotFound(f"{name} has no version '{one_line(version or '')}'; {known}")
    names = {pack.name for pack in installed_packs(home)}
    raise NotFound(f"no pack of '{one_line(name)}' is installed; {did_you_mean(name, names)}")


def changed_files(pack: InstalledPack) -> list[str]:
    """Everything in which an installed pack is no longer what its manifest vouches for. Raises PackError."""
    if pack.manifest is None:
        raise PackError(f"{shown(pack.folder / 'manifest.json')} is damaged; remove the pack and install it again")
    manifest_file = pack.folder / installed_place(MANIFEST, pack.name)
    # The name of the folder ends as the hash of the manifest begins, which vouches for all else.
    found = [] if pack.version.endswith(pack_id(manifest_file)[:8]) else [f"'{MANIFEST}' was changed"]
    for entry in pack.manifest.entries:
        path = pack.folder / installed_place(entry.path, pack.name)
        if not path.is_file():
            found.append(f"'{entry.path}' is missing")
            continue
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != entry.sha256:
                found.append(f"'{entry.path}' was changed")
    return found or problems_of(pack.folder, pack.manifest)


def roll_back(home: Home, name: str, version: str | None = None) -> InstalledPack:
    """Use `version` of a pack again, or the one that was in use before. Raises NotFound or PackError."""
    used = used_versions(home, name)
    if version is None:
        find_pack(home, name)
        if len(used) < 2:
            raise PackError(
                f"{name} was never another version than {used[-1] if used else 'none'}; name one of 'pack list'"
            )
        note_used(home, name, [used[-1], *used[:-1]])
    else:
        wanted = find_pack(home, name, version)
        note_used(home, name, [*(one for one in used if one != wanted.version), wanted.version])
    return find_pack(home, name)


def remove(home: Home, name: str, version: str | None = None) -> list[InstalledPack]:
    """Remove one version of a pack, or all; conversations stay. Raises NotFound or StorageError."""
    gone = installed_packs(home, name) if version is None else [find_pack(home, name, version)]
    if not gone:
        find_pack(home, name)
    left = [one for one in used_versions(home, name) if one not in {pack.version for pack in gone}]
    folder = home.packs / name
    with storing(folder):
        note_used(home, name, left)  # before the files go, so that nobody is led to half of them
        for pack in gone:
            shutil.rmtree(pack.folder.rename(set_aside(pack.folder)))
        if not any(folder.glob("pack-*")):
            shutil.rmtree(folder)
            with contextlib.suppress(OSError):  # others are installed
                home.packs.rmdir()
    return gone


def _installed(folder: Path, used: list[str]) -> InstalledPack:
    place = folder / installed_place(MANIFEST, "")
    try:
        manifest = parse_manifest(place.read_bytes(), shown(place))
    except (OSError, PackError):
        manifest = None
    version, current = folder.name, bool(used) and used[-1] == folder.name
    return InstalledPack(folder.parent.name, version, folder, current, manifest, read_verdict(folder))
