"""Lines of one paragraph made one text again."""

from collections.abc import Sequence
from itertools import pairwise

_WIDE = 0x2E7F
"""From here on scripts put no blanks between words."""


def join_lines(lines: Sequence[str]) -> str:
    """The lines with a blank between, none beside Chinese or Japanese; a word parted by a hyphen is whole again."""
    parts = list(lines[:1])
    for before, line in pairwise(lines):
        if before.endswith("\u00ad") or (before[-2:-1].isalpha() and before.endswith("-") and line[:1].islower()):
            parts[-1] = parts[-1][:-1]
        elif not _seamless(before, line):
            parts.append(" ")
        parts.append(line)
    return "".join(parts)


def _seamless(before: str, line: str) -> bool:
    return not before or not line or ord(before[-1]) > _WIDE or ord(line[0]) > _WIDE
