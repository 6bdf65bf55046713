"""stdout is data, stderr is talk."""

import json
import os
import sys
from typing import Any, TextIO

from roleplay.text import clean


def speaks() -> bool:
    """Whether this process talks to the person: of several that a launcher started together, the first does."""
    return os.environ.get("RANK", "0") == "0"


def _write(stream: TextIO, text: str) -> None:
    if speaks():
        stream.write(text)
        stream.flush()


def emit(text: str = "", *, end: str = "\n") -> None:
    """Data for the person or the next program; control characters never get through."""
    _write(sys.stdout, clean(text) + end)


def emit_json(value: Any) -> None:
    """One JSON value on one line; what JSON lets through and could steer a terminal is escaped."""
    text = json.dumps(value, ensure_ascii=False)
    _write(sys.stdout, "".join(char if clean(char) else f"\\u{ord(char):04x}" for char in text) + "\n")


def say(text: str) -> None:
    """Talk."""
    _write(sys.stderr, clean(text) + "\n")


def complain(text: str) -> None:
    """A named error."""
    say(f"error: {text}")


def colours() -> bool:
    """Whether standard output shows ANSI styles."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def emit_painted(parts: list[tuple[str, str]]) -> None:
    """A line of (text, ANSI style) parts; an empty style is plain."""
    painted = colours()
    line = [f"\x1b[{code}m{clean(text)}\x1b[0m" if code and painted else clean(text) for text, code in parts]
    _write(sys.stdout, "".join(line) + "\n")
