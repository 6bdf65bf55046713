"""stdout is data, stderr is talk."""

import json
import sys
from typing import Any

from roleplay.text import clean


def emit(text: str = "", *, end: str = "\n") -> None:
    """Data for the person or the next program; control characters never get through."""
    sys.stdout.write(clean(text) + end)
    sys.stdout.flush()


def emit_json(value: Any) -> None:
    """One JSON value on one line."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Talk."""
    sys.stderr.write(clean(text) + "\n")
    sys.stderr.flush()


def complain(text: str) -> None:
    """A named error."""
    say(f"error: {text}")


def paint(text: str, code: str) -> str:
    """`text` in an ANSI style where standard output is a terminal; clean it first."""
    import os

    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{code}m{text}\x1b[0m"


def emit_painted(parts: list[tuple[str, str]]) -> None:
    """A line of (text, ANSI style) parts; an empty style is plain."""
    sys.stdout.write("".join(paint(clean(text), code) if code else clean(text) for text, code in parts) + "\n")
    sys.stdout.flush()
