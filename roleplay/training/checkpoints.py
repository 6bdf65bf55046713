"""Checkpoints on disk: whole or absent.

checkpoints/tmp-checkpoint-40/checkpoint-40    being written; passed over, and removed by the next one
checkpoints/checkpoint-20                      whole: the name is the marker
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from roleplay.paths import storing
from roleplay.training.processes import process, wait

_KEPT = 2


def checkpoints(folder: Path) -> list[Path]:
    """Whole checkpoints in `folder`, the oldest first."""
    found = [path for path in folder.glob("checkpoint-*") if (path / "trainer_state.json").is_file()]
    return sorted(found, key=step_of)


def step_of(checkpoint: Path) -> int:
    """The optimizer step a checkpoint was taken at."""
    return int(checkpoint.name.rsplit("-", 1)[1])


def newest_step(folder: Path) -> int | None:
    """Step of the newest whole checkpoint; `None` where there is none."""
    found = checkpoints(folder)
    return step_of(found[-1]) if found else None


@contextlib.contextmanager
def whole_or_absent(folder: Path, step: int) -> Iterator[Path]:
    """A folder in which every process writes its part of `checkpoint-<step>`: flushed, renamed, then older ones go.

    Raises StorageError where it cannot be written.
    """
    name = f"checkpoint-{step}"
    staging = folder / f"tmp-{name}"
    if process() == 0:
        _clear(folder)
    wait()
    try:
        with storing(folder / name):
            yield staging
            wait()
            if process() == 0:
                _flush(staging)
                shutil.rmtree(folder / name, ignore_errors=True)
                (staging / name).rename(folder / name)
                _flush_folder(folder)
            wait()
    finally:
        if process() == 0:
            _clear(folder)
    if process() == 0:
        for old in checkpoints(folder)[:-_KEPT]:
            shutil.rmtree(old, ignore_errors=True)


def _clear(folder: Path) -> None:
    """Remove what was left half written."""
    for left in folder.glob("tmp-checkpoint-*"):
        shutil.rmtree(left, ignore_errors=True)


def _flush(folder: Path) -> None:
    """Everything below `folder` to disk, names included."""
    for path in folder.rglob("*"):
        if path.is_dir():
            _flush_folder(path)
            continue
        with path.open("rb") as file:
            os.fsync(file.fileno())
    _flush_folder(folder)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
