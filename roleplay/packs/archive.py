"""An unpacked pack written as one file; the same pack gives the same bytes on every machine."""

import shutil
import stat
import zipfile
from pathlib import Path

from roleplay.cards.tavern.charx import CARD
from roleplay.packs.manifest import MANIFEST, Manifest
from roleplay.packs.places import is_text
from roleplay.paths import whole_file

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip can say, which tells nothing."""
_UNIX = 3


def write_archive(folder: Path, manifest: Manifest, out: Path) -> None:
    """Write the pack laid out in `folder` to the file `out`, whole or not at all. Raises StorageError.

    Texts are squeezed; weights and pictures would not become smaller.
    """
    names = [CARD, MANIFEST, *(entry.path for entry in manifest.entries if entry.path != CARD)]
    with whole_file(out) as file, zipfile.ZipFile(file, "w") as archive:
        for name in names:
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED if is_text(name) else zipfile.ZIP_STORED
            entry.create_system = _UNIX
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            entry.file_size = (folder / name).stat().st_size
            with (folder / name).open("rb") as source, archive.open(entry, "w") as packed:
                shutil.copyfileobj(source, packed, 2**20)
