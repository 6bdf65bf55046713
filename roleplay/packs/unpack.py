"""Every file of a pack put into a fresh folder, held against the hashes of its manifest on the way."""

import hashlib
import zipfile
import zlib
from pathlib import Path

from roleplay.errors import PackError
from roleplay.packs.manifest import MANIFEST, MOST_BYTES, Entry, Manifest, parse_manifest
from roleplay.packs.places import installed_place, why_no_place
from roleplay.packs.source import Source, open_source
from roleplay.paths import shown, storing
from roleplay.text import one_line

_BLOCK = 2**20


def unpack(path: Path, target: Path) -> Manifest:
    """Write the pack at `path`, a file or a folder, into the empty folder `target` as it lies when installed.

    Nothing is written outside `target`, nor more than was announced. Raises PackError with everything that is missing,
    changed or has no place in a pack, and StorageError.
    """
    file = shown(path)
    with open_source(path) as source:
        # Once: another process may write to a folder, and what is kept must be what was checked.
        data = _manifest_bytes(source, file)
        manifest = parse_manifest(data, file)
        listed = {entry.path: entry for entry in manifest.entries}
        problems = [*_listing_problems(source, manifest)]
        if not problems:
            with storing(target):
                for name, entry in listed.items():
                    problems += _write(source, entry, target / installed_place(name, manifest.name))
                own = target / installed_place(MANIFEST, manifest.name)
                own.parent.mkdir(parents=True, exist_ok=True)
                own.write_bytes(data)
    if problems:
        raise PackError("\n".join(f"{file}: {problem}" for problem in problems))
    return manifest


def _manifest_bytes(source: Source, file: str) -> bytes:
    if MANIFEST not in source.sizes:
        raise PackError(
            f"{file} has no {MANIFEST}, so it is no pack; a card of another program is read by 'roleplay cards import'"
        )
    if source.sizes[MANIFEST] > MOST_BYTES:
        raise PackError(f"{file}: {MANIFEST} has {source.sizes[MANIFEST]:,} bytes; it is none of ours")
    with source.open(MANIFEST) as packed:
        return packed.read(MOST_BYTES)


def _listing_problems(source: Source, manifest: Manifest) -> list[str]:
    """What manifest and archive say otherwise, and what has no place in a pack."""
    names = [entry.path for entry in manifest.entries]
    twice = sorted({name for name in names if names.count(name) > 1})
    problems = [f"'{one_line(name)}' is listed twice in the manifest" for name in twice]
    found, listed = set(source.sizes) - {MANIFEST}, set(names)
    problems += [f"'{one_line(name)}' is not in the manifest" for name in sorted(found - listed)[:20]]
    problems += [f"'{one_line(name)}' is missing" for name in sorted(listed - found)[:20]]
    for name in sorted(found | listed):
        why = why_no_place(name, manifest.name)
        if why is not None:
            problems.append(f"'{one_line(name)}' is refused: {why}")
    for entry in manifest.entries:
        if source.sizes.get(entry.path, entry.size) != entry.size:
            problems.append(f"'{one_line(entry.path)}' has another size than the manifest says")
    return problems[:50]


def _write(source: Source, entry: Entry, target: Path) -> list[str]:
    """Write one file; returns what is wrong with it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, left = hashlib.sha256(), entry.size
    try:
        with source.open(entry.path) as packed, target.open("xb") as out:
            while left >= 0 and (block := packed.read(min(_BLOCK, left + 1))):
                left -= len(block)
                digest.update(block)
                if left >= 0:
                    out.write(block)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        return [f"'{one_line(entry.path)}' is damaged ({one_line(str(error), 60)}); get the pack again"]
    if left:
        return [f"'{one_line(entry.path)}' has another size than was announced"]
    if digest.hexdigest() != entry.sha256:
        return [f"'{one_line(entry.path)}' is not what the manifest vouches for: its hash differs; get the pack again"]
    return []
