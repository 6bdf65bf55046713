"""A `.charx` archive: a zip with `card.json` and the files that the card names."""

import io
import stat
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from roleplay.cards.tavern.own_files import OURS
from roleplay.cards.tavern.refuse import refused
from roleplay.text import clean, one_line

CARD = "card.json"
SCHEMES = ("embeded://", "embedded://")
"""How a card names a file of its archive; the first is the spelling of the specification."""
MOST = 256 * 2**20
"""Largest sum of all files, unpacked, in bytes."""
MOST_CARD = 32 * 2**20
"""Largest `card.json` in bytes."""
MOST_FILES = 2000
_ASIDE = (f"{OURS}adapter/", f"{OURS}data/")
"""Weights and books of a pack; no part of a card, and large."""
_LISTED = b"PK\x01\x02"
"""What every line of an archive's table begins with."""

_AGAIN = "get the file again from where it came"


@dataclass(frozen=True)
class Charx:
    """An archive taken apart."""

    card: bytes
    """`card.json`."""
    files: Mapping[str, bytes]
    """Path inside the archive -> content of everything else; no path leads out of a folder."""


def read_charx(data: bytes, file: str) -> Charx:
    """Unpack an archive in memory; bytes may precede it. Raises FileFaults for one that lies or leads elsewhere."""
    found: dict[str, bytes] = {}
    seen: set[str] = set()
    left, ours_left = MOST, MOST_CARD
    # The table is read whole by zipfile, and a line of it takes ten times as much memory as its bytes.
    if data.count(_LISTED) > 4 * MOST_FILES:
        raise refused(file, f"holds more than {MOST_FILES:,} files", "pack fewer")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.filename.endswith("/")]
            if len(entries) > MOST_FILES:
                raise refused(file, f"holds {len(entries):,} files; {MOST_FILES:,} are read", "pack fewer")
            for entry in entries:
                _check_name(entry, file)
                # Systems that ignore case would let the second file replace the first.
                if entry.filename.casefold() in seen:
                    raise refused(
                        file, f"holds '{one_line(entry.filename)}' twice", "pack it again with each file once"
                    )
                seen.add(entry.filename.casefold())
                if entry.filename.startswith(_ASIDE):
                    continue
                if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise refused(
                        file, f"holds '{one_line(entry.filename)}' packed in a rare way", "pack it again as zip"
                    )
                ours = entry.filename.startswith(OURS)
                limit = min(left, ours_left) if ours else min(left, MOST_CARD) if entry.filename == CARD else left
                with archive.open(entry) as packed:
                    content = packed.read(limit + 1)
                if len(content) > limit:
                    problem = f"unpacks to more than {limit:,} bytes at '{one_line(entry.filename)}'"
                    raise refused(file, problem, "leave large files out of it")
                left -= len(content)
                ours_left -= len(content) * ours
                found[entry.filename] = content
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, ValueError) as error:
        raise refused(file, f"is no archive that can be unpacked ({one_line(str(error))})", _AGAIN) from error
    except RuntimeError as error:  # zipfile's way to say that a password is needed
        raise refused(file, "is locked with a password", "unlock it, or ask its maker") from error
    folders = {str(above) for name in found for above in PurePosixPath(name.casefold()).parents}
    if both := folders & seen:
        raise refused(file, f"holds '{one_line(min(both))}' as a file and as a folder", "rename one of the two")
    if CARD not in found:
        names = ", ".join(one_line(name, 30) for name in list(found)[:5]) or "nothing"
        raise refused(file, f"has no {CARD} at its root (it holds {names})", "a .charx has one")
    return Charx(found.pop(CARD), found)


def write_charx(card: bytes, files: Mapping[str, bytes]) -> bytes:
    """An archive; the same content gives the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in [(CARD, card), *sorted(files.items())]:
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, content)
    return out.getvalue()


def _check_name(entry: zipfile.ZipInfo, file: str) -> None:
    name = entry.filename
    parts = name.split("/")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise refused(file, f"holds the link '{one_line(name)}'", "pack the file itself")
    outside = any(part in ("", ".", "..") for part in parts) or "\\" in name or ":" in name or clean(name) != name
    if outside or any(len(part.encode()) > 200 for part in parts) or len(parts) > 16:
        raise refused(file, f"holds a file whose name leads elsewhere: '{one_line(name)}'", "rename it in the archive")
