"""What a reader says of a file that it cannot read."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from roleplay.errors import Fault, FileFaults, UsageError
from roleplay.paths import shown

AGAIN = "get it again, or save it anew with the program it was made with"
"""Remedy for a file that is damaged."""
SMALLER = "split it into smaller files"
"""Remedy for a file past a bound."""


def refused(path: Path, problem: str, remedy: str = AGAIN, line: int | None = None) -> FileFaults:
    """One fault of the whole file, or of a line of it."""
    return FileFaults([Fault(shown(path), line, "", problem, remedy)])


@contextlib.contextmanager
def library_for(path: Path) -> Iterator[None]:
    """Turn a library that is not installed into one clear error."""
    try:
        yield
    except ImportError as error:
        raise UsageError(
            f"{shown(path)} is read with the library '{error.name}', which is not installed; "
            "install it with: pip install 'roleplay[knowledge]'"
        ) from error
