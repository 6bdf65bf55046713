"""Which process has a run's folder for itself."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout, lock_descriptor

from roleplay.errors import RunError
from roleplay.paths import shown, storing

_LOCK = ".lock"
_PATIENCE = 0.3
"""Seconds: whoever asks for a run's state holds its lock for a moment."""


@contextlib.contextmanager
def holding(folder: Path) -> Iterator[None]:
    """Hold a folder, made where it is not there. Raises RunError while another process has it, StorageError."""
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / _LOCK, timeout=_PATIENCE)
        try:
            lock.acquire()
        except Timeout as error:
            raise RunError(
                f"another process is training in {shown(folder)}; wait for it, stop it, or choose another "
                "name with --run"
            ) from error
    try:
        yield
    finally:
        lock.release()


def is_held(folder: Path) -> bool:
    """Whether a process holds a folder; one that is not there is held by none, and stays away."""
    try:  # not by FileLock, which would make the folder of a run that is just being removed
        descriptor = os.open(folder / _LOCK, os.O_RDWR)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        return not lock_descriptor(descriptor, blocking=False)
    finally:
        os.close(descriptor)
