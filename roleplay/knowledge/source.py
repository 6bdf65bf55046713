"""A file that knowledge is read from."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """One file."""

    name: str
    """As a citation shows it, no two the same: what the card names, and the path inside a folder that it names."""
    path: Path
    """Where it lies."""
