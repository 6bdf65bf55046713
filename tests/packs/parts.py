"""A pack taken apart, to be changed and put together again with a manifest that vouches for the change."""

import contextlib
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.packs.zips import DEFLATED, STORED, Item, Zip

MANIFEST = "roleplay/manifest.json"
OWN = "roleplay/characters/mimi/"
CARD = "roleplay/characters/mimi.yaml"
KNOWLEDGE = "roleplay/data/knowledge/"
ADAPTER = "roleplay/adapter/best/"
WEIGHTS = f"{ADAPTER}adapter_model.safetensors"


@dataclass
class Parts:
    """A pack taken apart; `written` puts it together with right hashes."""

    files: dict[str, bytes]
    """All but the manifest, in the order of the archive."""
    manifest: dict[str, Any]
    """Without its entries, which are made from the files."""
    entries: list[Callable[[list[dict[str, Any]]], object]] = field(default_factory=list)
    """Changes to the entries once they are made."""
    text: list[Callable[[bytes], bytes]] = field(default_factory=list)
    """Changes to the manifest as text."""
    archive: list[Callable[[Zip], object]] = field(default_factory=list)
    """Changes to the archive; those that only lie about it leave what is installed as it was."""

    def manifest_bytes(self) -> bytes:
        entries = [
            {"path": path, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for path, content in self.files.items()
        ]
        for change in self.entries:
            with contextlib.suppress(IndexError, KeyError):  # another change took away what this one is about
                change(entries)
        text = json.dumps(self.manifest | {"entries": entries}).encode()
        for rewrite in self.text:
            text = rewrite(text)
        return text

    def written(self) -> bytes:
        found = Zip()
        for path, content in {MANIFEST: self.manifest_bytes(), **self.files}.items():
            method = STORED if path.endswith(("safetensors", "png")) else DEFLATED
            found.items.append(Item(path.encode(errors="surrogatepass"), content, method))
        for change in self.archive:
            change(found)
        return found.written()


Change = Callable[[Parts, Random], object]


@dataclass(frozen=True)
class Case:
    """One way to change a pack."""

    change: Change
    """What is done."""
    told: str
    """Pattern of every refusal that is about it; empty where it must be installed."""
    may_pass: bool = False
    """Whether it may also be installed."""


def taken_apart(pack: Path) -> Parts:
    """The parts of the good pack at `pack`."""
    with zipfile.ZipFile(io.BytesIO(pack.read_bytes())) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(files.pop(MANIFEST))
    del manifest["entries"]
    return Parts(files, manifest)
