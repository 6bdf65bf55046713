"""Texts of a pack: nothing in them steers a terminal or reverses what is read."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from roleplay.cards.tavern.json_text import parse_json
from roleplay.errors import FileFaults
from roleplay.text import clean, one_line

MOST_TEXT = 64 * 2**20
"""Largest text file in bytes."""
MOST_CARD = 512 * 2**10
"""Largest card in YAML: a larger one takes longer to read than a person waits."""


def text_problem(path: Path, shown: str) -> str | None:
    """What is wrong with the text file at `path`, called `shown`; `None` where nothing is."""
    data = path.read_bytes() if path.stat().st_size <= MOST_TEXT else None
    if data is None:
        return f"'{shown}' has {path.stat().st_size:,} bytes of text; {MOST_TEXT:,} are read"
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return f"'{shown}' is not UTF-8 at byte {error.start:,}"
    plain = text.replace("\r\n", "\n")
    if clean(plain) != plain:
        at = next(i for i, char in enumerate(plain) if not clean(char) or char == "\r")
        line = plain.count("\n", 0, at) + 1
        return f"'{shown}' holds the control character U+{ord(plain[at]):04X} in line {line}"
    return None


def json_problems(path: Path, shown: str) -> list[str]:
    """What is wrong with the JSON at `path`: no JSON, or strings that spell control characters."""
    try:
        value = parse_json(path.read_bytes(), shown)
    except FileFaults as error:
        return [str(fault) for fault in error.faults]
    return [f"'{shown}' holds control characters in {where}" for where in unclean(value)]


def unclean(value: Any, where: str = "") -> Iterator[str]:
    """Where strings within plain values hold control characters: keys, dotted."""
    if isinstance(value, str):
        if clean(value.replace("\r\n", "\n")) != value.replace("\r\n", "\n"):
            yield one_line(where) or json.dumps(one_line(value))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from unclean(key, f"{where}.{key}".lstrip("."))
            yield from unclean(inner, f"{where}.{key}".lstrip("."))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from unclean(inner, f"{where}[{at}]")
