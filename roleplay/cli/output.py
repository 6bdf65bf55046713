"""stdout is data, stderr is talk."""

import json
import os
import sys
from typing import Any

from roleplay.text import clean


def emit(text: str = "", *, end: str = "\n") -> None:
    """Data for the person or the next program; control characters never get through."""
    sys.stdout.write(clean(text) + end)
    sys.stdout.flush()


def emit_json(value: Any) -> None:
    """One JSON value on one line; what JSON lets through and could steer a terminal is escaped."""
    text = json.dumps(value, ensure_ascii=False)
    sys.stdout.write("".join(char if clean(char) else f"\\u{ord(char):04x}" for char in text) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Talk."""
    sys.stderr.write(clean(text) + "\n")
    sys.stderr.flush()


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
    sys.stdout.write("".join(line) + "\n")
    sys.stdout.flush()
