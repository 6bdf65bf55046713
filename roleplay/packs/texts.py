"""Texts of a pack: nothing in them steers a terminal or reverses what is read."""

import codecs
import json
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from roleplay.cards.tavern.json_text import parse_json
from roleplay.errors import FileFaults
from roleplay.text import clean, one_line

MOST_TEXT = 16 * 2**20
"""Largest text file in bytes, as for corpora of tavern cards."""
MOST_TEXTS = 256 * 2**20
"""Largest sum of all text files in bytes."""
MOST_JSON = 2**20
"""Largest JSON in bytes: its values take up to thirty times as much memory."""
MOST_CARD = 256 * 2**10
"""Largest YAML in bytes: a larger one takes longer to read than a person waits."""
_MOST_MARKS = 15_000
_MARKS = re.compile(r"[,:?\[\]{}\n-]")
"""Whatever begins or ends a value in YAML; each takes as long to read as a thousand letters."""
_BLOCK = 2**16
_SHOWN = 60


def text_problem(path: Path, shown: str) -> str | None:
    """What is wrong with the text file at `path`, called `shown`; `None` where nothing is."""
    if path.stat().st_size > MOST_TEXT:
        return f"'{shown}' has {path.stat().st_size:,} bytes of text; {MOST_TEXT:,} are read"
    decoder = codecs.getincrementaldecoder("utf-8")()
    begin, line, held = 0, 1, ""
    with path.open("rb") as file:
        more = True
        while more:
            block = file.read(_BLOCK)
            more = bool(block)
            waiting = len(decoder.getstate()[0])
            try:
                text = held + decoder.decode(block, final=not more)
            except UnicodeDecodeError as error:
                return f"'{shown}' is not UTF-8 at byte {begin - waiting + error.start:,}"
            begin += len(block)
            held = "\r" if text.endswith("\r") and more else ""  # its newline may be still to come
            plain = text.removesuffix(held).replace("\r\n", "\n")
            if clean(plain) != plain:
                at = next(i for i, char in enumerate(plain) if not clean(char) or char == "\r")
                line += plain.count("\n", 0, at)
                return f"'{shown}' holds the control character U+{ord(plain[at]):04X} in line {line}"
            line += plain.count("\n")
    return None


def yaml_problem(path: Path, shown: str) -> str | None:
    """Why the clean text file at `path` would take too long to read as YAML; `None` where it does not."""
    size = path.stat().st_size
    if size > MOST_CARD:
        return f"'{shown}' has {size:,} bytes; {MOST_CARD:,} are read"
    marks = len(_MARKS.findall(path.read_text(encoding="utf-8")))
    if marks > _MOST_MARKS:
        return f"'{shown}' has {marks:,} lines, commas and the like; {_MOST_MARKS:,} are read"
    return None


def json_problems(path: Path, shown: str) -> list[str]:
    """What is wrong with the JSON at `path`: too long, no JSON, or strings that spell control characters."""
    if path.stat().st_size > MOST_JSON:
        return [f"'{shown}' has {path.stat().st_size:,} bytes of JSON; {MOST_JSON:,} are read"]
    try:
        value = parse_json(path.read_bytes(), shown)
    except FileFaults as error:
        return [str(fault) for fault in error.faults]
    return [f"'{shown}' holds control characters in {where}" for where in islice(unclean(value), 20)]


def unclean(value: Any, where: str = "") -> Iterator[str]:
    """Where strings within plain values hold control characters: keys, dotted."""
    if isinstance(value, str):
        if clean(value.replace("\r\n", "\n")) != value.replace("\r\n", "\n"):
            yield one_line(where) or json.dumps(one_line(value))
    elif isinstance(value, dict):
        for key, inner in value.items():
            here = f"{where}.{key}".lstrip(".")[:_SHOWN]
            yield from unclean(key, here)
            yield from unclean(inner, here)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from unclean(inner, f"{where}[{at}]"[:_SHOWN])
