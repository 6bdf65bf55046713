"""JSON and JSON Lines: a block an entry, nested values under dotted keys."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from roleplay.corpora.encoding import find_encoding
from roleplay.corpora.rows import open_table
from roleplay.knowledge.passage import Block
from roleplay.knowledge.read.blocks import LONGEST, Laid
from roleplay.knowledge.read.refused import refused
from roleplay.text import one_line

_DEEPEST = 16
_LONGEST_KEY = 120
"""Most characters of a dotted key: a long one is repeated for every value below it."""


def read_json(path: Path) -> Iterator[Block]:
    """Entries of a `.json` or `.jsonl` file, each of at most 8 M characters. Raises FileFaults.

    Elements of an array are entries; of an object, its members, and what lies in its lists and objects of objects.
    """
    lines = path.suffix.lower() == ".jsonl"
    whole = not lines and _is_object(path)
    laid = Laid()
    for row in open_table(path).rows():
        line = row.number if lines else None
        if row.problem:
            raise refused(path, f"{'this line' if lines else f'entry {row.number}'} {row.problem}", line=line)
        try:
            for entry in _members(row.value) if whole else [row.value]:
                for text in _batches(_told("", entry, 0)):
                    yield from laid.blocks("row", text, line=line)
        except RecursionError as error:
            raise refused(path, f"nests values more than {_DEEPEST} deep", "flatten them", line) from error


def _is_object(path: Path) -> bool:
    with find_encoding(path).open(path) as file:
        return file.read(LONGEST).lstrip().startswith("{")


def _members(value: Any) -> Iterator[Any]:
    for name, member in value.items() if isinstance(value, dict) else [("", value)]:
        inside = list(member.values()) if isinstance(member, dict) else member
        if isinstance(inside, list) and inside and all(isinstance(one, dict) for one in inside):
            yield from inside
        else:
            yield {name: member} if name else member


def _told(key: str, value: Any, depth: int) -> Iterator[str]:
    """`key: value` for every value that says something; those of a list stand together."""
    if depth > _DEEPEST:
        raise RecursionError
    if isinstance(value, dict):
        for name, inside in value.items():
            yield from _told(_below(key, name), inside, depth + 1)
        return
    values = value if isinstance(value, list) else [value]
    plain = [_shown(one) for one in values if not isinstance(one, dict | list)]
    text = ", ".join(one for one in plain if one)
    if text:
        yield f"{key}: {text}" if key else text
    for index, inside in enumerate(values):
        if isinstance(inside, dict | list):
            yield from _told(_below(key, str(index)), inside, depth + 1)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value).strip()


def _below(key: str, name: str) -> str:
    dotted = f"{key}.{one_line(name)}".removeprefix(".")
    return dotted if len(dotted) <= _LONGEST_KEY else "…" + dotted[1 - _LONGEST_KEY :]


def _batches(parts: Iterator[str]) -> Iterator[str]:
    """The parts joined, as far as they fit into a block."""
    held: list[str] = []
    size = 0
    for part in parts:
        if held and size + len(part) > LONGEST:
            yield "; ".join(held)
            held, size = [], 0
        held.append(part)
        size += len(part) + 2
    yield "; ".join(held)
