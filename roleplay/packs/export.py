"""A character exported as one file, which is checked as strictly as those of strangers before it is handed out."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from roleplay.errors import PackError, StorageError
from roleplay.packs.archive import write_archive
from roleplay.packs.build import Wanted, build_folder
from roleplay.packs.check import problems_of
from roleplay.packs.manifest import Manifest
from roleplay.packs.traces import traces
from roleplay.packs.unpack import unpack
from roleplay.paths import Home, shown


@dataclass(frozen=True)
class ExportedPack:
    """What an export wrote."""

    path: Path
    """The file."""
    size: int
    """Its bytes."""
    manifest: Manifest
    """What it says of itself."""


def export_pack(
    name: str,
    home: Home,
    out: Path | None = None,
    wanted: Wanted = Wanted(),
    *,
    force: bool = False,
    tell: Callable[[str], None] = lambda text: None,
) -> ExportedPack:
    """Write the pack of the character `name` to `out`: a file, or a folder for it; `None` is the current folder.

    Raises StorageError for a file that is there already, unless `force` is set, and PackError for a pack that nobody
    could install, or that names folders of this person.
    """
    with built(name, home, wanted, tell) as (folder, manifest):
        path = Path.cwd() if out is None else out
        path = path / f"{manifest.name}.charx" if path.is_dir() else path
        if path.exists() and not force:
            raise StorageError(f"{shown(path)} is there already; choose another --out, or add --force to replace it")
        write_archive(folder, manifest, path)
    return ExportedPack(path, path.stat().st_size, manifest)


@contextmanager
def built(
    name: str, home: Home, wanted: Wanted = Wanted(), tell: Callable[[str], None] = lambda text: None
) -> Iterator[tuple[Path, Manifest]]:
    """The folder of a checked, unpacked pack with its manifest; it is gone afterwards. Raises PackError."""
    with tempfile.TemporaryDirectory(prefix="roleplay-pack-") as work:
        folder, again = Path(work, "pack"), Path(work, "again")
        folder.mkdir()
        manifest = build_folder(name, home, folder, wanted, tell)
        again.mkdir()
        unpack(folder, again)
        problems = [*problems_of(again, manifest), *traces(again, manifest, home)]
        if problems:
            listed = "\n".join(f"  {problem}" for problem in problems[:20])
            raise PackError(f"{name} cannot be packed as it is; correct it and export again:\n{listed}")
        yield folder, manifest
