"""Which base is meant: `pocket`, a folder, or a hub id with an optional `@revision`."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from roleplay.errors import BaseModelError
from roleplay.paths import shipped, shown
from roleplay.text import one_line

POCKET = "pocket"


@dataclass(frozen=True)
class BaseSpec:
    """A base as named by a person."""

    name: str
    """`pocket`, the folder as typed, or the hub id without its revision."""
    folder: Path | None
    """Folder with the model's files; `None` for a hub id."""
    revision: str | None
    """Branch, tag or commit of a hub id."""
    trust_remote_code: bool = False
    """Whether code from the model's repository may run; off unless asked."""

    @property
    def source(self) -> str:
        """What transformers loads from."""
        return str(self.folder) if self.folder is not None else self.name

    @property
    def reference(self) -> str:
        """What `parse_spec` reads back to the same base from any working directory."""
        if self.name == POCKET:
            return POCKET
        if self.folder is not None:
            return str(self.folder)
        return self.name if self.revision is None else f"{self.name}@{self.revision}"


def parse_spec(text: str | None, *, trust_remote_code: bool = False) -> BaseSpec:
    """Read a base's name. Raises BaseModelError for a folder that is none."""
    text = (text or "").strip() or POCKET
    if text == POCKET:
        folder = shipped() / "data" / "pocket"
        verify_pocket(folder)
        return BaseSpec(POCKET, folder, None)
    # os.path answers where a method of Path raises: unknown users, names too long for the system.
    path = Path(os.path.expanduser(text))
    if os.path.isdir(path):
        if not (path / "config.json").is_file():
            raise BaseModelError(
                f"{shown(path)} is no model: it has no config.json; give the folder that save_pretrained wrote"
            )
        return BaseSpec(text, path.absolute(), None, trust_remote_code)
    name, _, revision = text.partition("@")
    if text.startswith(("/", "./", "../", "~")) or name.count("/") > 1 or not name.strip("/"):
        raise BaseModelError(
            f"there is no folder {one_line(text)}; give an existing folder, 'pocket', or a hub id such as "
            "Qwen/Qwen3-0.6B"
        )
    return BaseSpec(name, None, revision or None, trust_remote_code)


def verify_pocket(folder: Path) -> None:
    """Compare `pocket`'s files with their hashes. Raises BaseModelError naming what differs."""
    listing = folder / "SHA256SUMS"
    if not listing.is_file():
        raise BaseModelError(
            f"the shipped base is not in {shown(folder)}; install roleplay again, or make it with "
            "'python -m roleplay.pocket.pretrain'"
        )
    listed = [line.split(maxsplit=1) for line in listing.read_text(encoding="utf-8", errors="replace").splitlines()]
    if not listed or any(len(entry) != 2 for entry in listed):
        raise BaseModelError(f"{shown(listing)} is damaged; install roleplay again")
    for expected, name in listed:
        path = folder / name
        if not path.is_file():
            raise BaseModelError(f"{shown(path)} is missing; install roleplay again")
        if hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            raise BaseModelError(f"{shown(path)} was changed: its hash is not the one in SHA256SUMS; restore it")


def weights_fingerprint(folder: Path) -> str:
    """A hash of names, sizes and both ends of the files of weights: tells two trainings of one shape apart.

    A whole hash would take minutes for a large base.
    """
    digest = hashlib.sha256()
    for path in weight_files(folder):
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(1 << 20)
            file.seek(max(0, size - (1 << 20)))
            digest.update(json.dumps([path.name, size]).encode() + head + file.read())
    return digest.hexdigest()


def weight_files(folder: Path) -> list[Path]:
    """Those that transformers reads; repositories may hold the weights once more under other names."""
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.is_file() or not index.is_file():
        return [single] if single.is_file() else sorted(folder.glob("*.safetensors"))
    names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    return [folder / name for name in sorted(names)]
