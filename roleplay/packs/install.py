"""A pack put where characters are found: checked whole in a folder of its own, which takes its name last of all."""

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from roleplay.cards.find import find_cards
from roleplay.cards.installed import active_pack, note_used, used_versions
from roleplay.errors import PackError
from roleplay.models.find import run_folders
from roleplay.models.shape import WEIGHTS
from roleplay.packs.bases import weights_here
from roleplay.packs.check import pack_id, problems_of
from roleplay.packs.manifest import MANIFEST, Manifest
from roleplay.packs.places import ADAPTER, installed_place
from roleplay.packs.unpack import unpack
from roleplay.packs.weights import fit_problems
from roleplay.paths import Home, recover_folder, set_aside, shown, storing

_WORK = ".installing-"
_LOCK = ".lock"


@dataclass(frozen=True)
class Unpacked:
    """A checked pack in a folder of its own, not yet where it is found."""

    folder: Path
    """Laid out as it lies when installed."""
    manifest: Manifest
    """What it says of itself."""
    problems: tuple[str, ...]
    """Everything that forbids to install it."""

    version: str
    """Name of its folder: the author's version and what tells it from any other pack."""


@contextlib.contextmanager
def opened_pack(source: Path, home: Home) -> Iterator[Unpacked]:
    """The pack at `source`, a file or a folder, unpacked and checked; its folder is gone afterwards.

    Raises PackError for one that is damaged or lies about its files; what else is wrong is in `problems`.
    """
    with _work(home) as work:
        folder = work / "pack"
        folder.mkdir()
        manifest = unpack(source, folder)
        problems = problems_of(folder, manifest)
        # A pack with problems may name its base as a path.
        here = weights_here(manifest.base) if not problems else []
        if manifest.adapter is not None and here:
            weights = folder / installed_place(f"{ADAPTER}{WEIGHTS}", manifest.name)
            problems = [f"its adapter {one}" for one in fit_problems(weights, manifest.adapter, here)]
        theirs = re.sub(r"[^A-Za-z0-9.]+", "-", manifest.version).strip("-.")[:24] or "0"
        print_ = pack_id(folder / installed_place(MANIFEST, manifest.name))[:8]
        yield Unpacked(folder, manifest, tuple(problems), f"pack-{theirs}-{print_}")


def refuse_problems(pack: Unpacked, source: str) -> None:
    """Raise PackError with everything that is wrong with a pack, if anything is."""
    if pack.problems:
        listed = "\n".join(f"  {problem}" for problem in pack.problems)
        raise PackError(f"{source} is not installed, and nothing of it was kept; ask its author for another:\n{listed}")


def what_changes(pack: Unpacked, home: Home) -> list[str]:
    """What installing would put aside or be hidden by; a sentence each. Nothing is ever overwritten."""
    name, told = pack.manifest.name, []
    used = active_pack(home, name)
    if used is not None and used.name != pack.version:
        told.append(f"{used.name} is in use now; it stays, and 'roleplay pack rollback {name}' goes back to it")
    path, place = find_cards(home).get(name, (None, ""))
    if path is not None and place in ("project", "home"):
        told.append(
            f"{shown(path)} is found before the card of the pack, which would not be used; rename it to use both"
        )
    elif path is not None and place == "shipped":
        told.append(f"the {name} that came with roleplay is put aside until the pack is removed")
    if run_folders(home, name):
        told.append(f"{name} has trainings of its own: the adapter of the pack answers until the next one is finished")
    return told


def install(pack: Unpacked, home: Home) -> Path:
    """Let a pack without problems take its place and be in use; returns its folder. Raises StorageError.

    The same version, where it is there already, gives way: it may have been damaged.
    """
    name = pack.manifest.name
    target = home.packs / name / pack.version
    with storing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        recover_folder(target)
        if target.exists():
            target.rename(set_aside(target))
        pack.folder.rename(target)
        recover_folder(target)
    earlier = [one for one in used_versions(home, name) if one != pack.version]
    note_used(home, name, [*earlier, pack.version])
    return target


@contextlib.contextmanager
def _work(home: Home) -> Iterator[Path]:
    """A fresh folder beside the packs; those of processes that died are cleared away."""
    with storing(home.packs):
        home.packs.mkdir(parents=True, exist_ok=True)
        for old in home.packs.glob(f"{_WORK}*"):
            with contextlib.suppress(Timeout, OSError), FileLock(old / _LOCK, timeout=0):
                shutil.rmtree(old, ignore_errors=True)
        work = Path(tempfile.mkdtemp(prefix=_WORK, dir=home.packs))
    try:
        with FileLock(work / _LOCK):
            yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
        with contextlib.suppress(OSError):  # others are installed
            home.packs.rmdir()
