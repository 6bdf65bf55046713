"""The evaluations of a character or of all, as a list shows them: read without loading a model."""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import lock_descriptor

from roleplay.errors import EvaluationError
from roleplay.evaluation.report import Report, read_report
from roleplay.paths import Home

_NAME = re.compile(r"(?P<adapter>.+)-(?P<size>quick|full|own)-[0-9a-f]{8}")
"""As `place_of` names the folders; comparisons of checkpoints have other names."""


@dataclass(frozen=True)
class ListedEvaluation:
    """An evaluation in a list."""

    folder: Path
    """`evaluations/<character>/<adapter>-<size>-<hash>`."""
    character: str
    """Whose it is."""
    adapter: str
    """`RUN@which`, or `base` where none answered."""
    size: str
    """`quick`, `full`, or `own` where it was asked otherwise."""
    state: str
    """`finished` or `damaged`; before it has a report, `running` while a process holds it, else `stopped`."""
    changed: float
    """When the report was written, else when something was found last; seconds since the epoch."""
    kept: int
    """Replies and likelihoods found so far; 0 once it has a report."""
    report: Report | None
    """Its figures; `None` where it has none that can be read."""
    problem: str
    """Why they cannot be read; else empty."""

    @property
    def page(self) -> Path:
        """The report to look at in a browser."""
        return self.folder / "report.html"


def listed_evaluations(home: Home, character: str | None) -> list[ListedEvaluation]:
    """Evaluations of `character`, or without one of every character; the newest first."""
    root = home.evaluations
    owners = ([root / character] if character else list(root.iterdir())) if root.is_dir() else []
    found = [one for owner in owners if owner.is_dir() for one in _of(owner)]
    return sorted(found, key=lambda one: (-one.changed, one.folder))


def _of(owner: Path) -> Iterator[ListedEvaluation]:
    for folder in owner.iterdir():
        name = _NAME.fullmatch(folder.name)
        if name is not None:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # nothing found yet, or just removed
                yield _listed(folder, owner.name, name["adapter"], name["size"])


def _listed(folder: Path, character: str, adapter: str, size: str) -> ListedEvaluation:
    path, notebook = folder / "report.json", folder / "notebook.jsonl"
    report, problem, kept = None, "", 0
    if path.exists():
        changed, state = path.stat().st_mtime, "finished"
        try:
            report = read_report(path)
        except EvaluationError as error:
            state, problem = "damaged", str(error)
    else:
        changed, kept = notebook.stat().st_mtime, notebook.read_bytes().count(b"\n")
        state = "running" if _held(folder / ".notebook.jsonl.lock") else "stopped"
    return ListedEvaluation(folder, character, adapter, size, state, changed, kept, report, problem)


def _held(lock: Path) -> bool:
    """Whether a process has the notebook open."""
    try:  # not by FileLock, which would make the lock, and perhaps a folder that is just being removed
        descriptor = os.open(lock, os.O_RDWR)
    except OSError:  # there is none, or it cannot be written to, and nobody evaluates there
        return False
    try:
        return not lock_descriptor(descriptor, blocking=False)
    finally:
        os.close(descriptor)
