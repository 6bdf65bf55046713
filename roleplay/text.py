"""Plain functions on text: cleaning, nearest names, stable hashes."""

import difflib
import hashlib
import re
from collections.abc import Iterable

# C0 but tab and newline, DEL, C1, bidirectional marks and overrides, line and paragraph separators, and halves of
# surrogate pairs, which no file or terminal can take.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """`text` without characters that could steer a terminal or reverse what is read.

    Carriage returns before a newline go too; one on its own becomes a newline.
    """
    return _UNSAFE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str, limit: int = 60) -> str:
    """`text` cleaned, on one line and cut to `limit` characters: a value shown in a message."""
    flat = " ".join(clean(text).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The valid name most like `name`, or `None` where nothing comes close."""
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return close[0] if close else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A remedy that names the nearest valid name, or all of them."""
    names = list(names)
    close = nearest(name, names)
    if close is not None:
        return f"did you mean '{close}'?"
    return "known: " + ", ".join(names) if names else "there is none yet"


def fingerprint(data: str | bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


def draw(*parts: object) -> float:
    """A number in [0, 1) that depends on `parts` alone: the same on every machine, in every run."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
