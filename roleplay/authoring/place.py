"""Where a corpus that the program writes goes, and the line of the card that names it."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from roleplay.cards.load import corpus_folders
from roleplay.errors import StorageError, UsageError
from roleplay.paths import shipped, shown


def corpus_place(card: Path, name: str, file: str) -> Path:
    """`data/corpora/NAME/FILE` where the card's project has that folder, else the folder NAME beside the card.

    For a card inside the installed package it is the current folder's `data/corpora`: a copy of the card in
    `./characters` finds it there.
    """
    here = card.resolve()
    if here.is_relative_to(shipped().resolve()) and not Path.cwd().is_relative_to(shipped().resolve()):
        return Path.cwd() / "data" / "corpora" / name / file
    project = here.parents[1] / "data" / "corpora"
    return (project if project.is_dir() else here.parent) / name / file


YAML = (".yaml", ".yml")
"""Endings of a corpus that has comments."""


def check_place(out: Path, *, force: bool, endings: Sequence[str] = YAML, source: Path | None = None) -> None:
    """Refuse a wrong ending, the file that is read, and what is there already. Raises UsageError or StorageError."""
    if out.suffix not in endings:
        raise UsageError(f"--out {shown(out)} does not end in {' or '.join(endings)}; rename it")
    if out.is_dir():
        raise UsageError(f"--out {shown(out)} is a folder; name a file in it")
    if source is not None and out.resolve() == source.resolve():
        raise UsageError(f"--out {shown(out)} is the file that is read; name another one")
    if out.exists() and not force:
        raise StorageError(f"{shown(out)} is there already; add --force to replace it, or choose another --out")


def advice(card: Path, out: Path, kind: str) -> str:
    """What the person does next."""
    line = f"add to the card's corpora: {card_line(card, out, kind)}"
    return line if _paths(card, out) else f"move {shown(out)} beside the card, and {line}"


def card_line(card: Path, out: Path, kind: str) -> str:
    """The entry for the card's `corpora`."""
    path = next(iter(_paths(card, out)), out.name)
    written = path if re.fullmatch(r"\w[\w./-]*", path) else json.dumps(path, ensure_ascii=False)
    return f"- {{path: {written}, kind: {kind}}}"


def _paths(card: Path, out: Path) -> list[str]:
    """`out` as the card, or a copy of it in `./characters`, would write it; empty where neither reaches it."""
    here = out.resolve()
    folders = [folder.resolve() for folder in (*corpus_folders(card), Path.cwd() / "data" / "corpora")]
    return [here.relative_to(folder).as_posix() for folder in folders if here.is_relative_to(folder)]
