"""Whether a reply answers a question whose right answers are known."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_THOUSANDS = re.compile(r"(?<![0-9])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])")
_WORD = "0-9a-z\u00df-\u024f"
_BEGIN = rf"(?<![{_WORD}])(?<![{_WORD}]')"
_END = rf"(?![{_WORD}])(?!'t(?![{_WORD}]))"


@dataclass(frozen=True)
class Answered:
    """How a reply takes a question."""

    right: bool
    """It holds something accepted and nothing forbidden."""
    forbidden: bool
    """It holds something forbidden."""


def answered(reply: str, accept: Sequence[str], forbid: Sequence[str] = ()) -> Answered:
    """Look for the patterns in a reply; macros of the card are filled in by the caller.

    Case, width, white space, the form of apostrophes and the commas in 1,000 make no difference. Where a pattern begins
    or ends with an ASCII letter or digit, a word must begin or end there: `4` is not in 42 or 4.5, `can` not in can't.
    """
    text = _folded(reply)
    forbidden = any(_holds(text, _folded(pattern)) for pattern in forbid)
    return Answered(not forbidden and any(_holds(text, _folded(pattern)) for pattern in accept), forbidden)


def _folded(text: str) -> str:
    # Commas first: a full-width one, which NFKC makes an ordinary comma, stands between two numbers, not within one.
    text = _THOUSANDS.sub(lambda number: number[0].replace(",", ""), text)
    text = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return " ".join(text.split())


def _holds(text: str, pattern: str) -> bool:
    """Whether a folded pattern stands in a folded text."""
    if not pattern:
        return False
    before = _border(pattern[0], _BEGIN, r"(?<![0-9]\.)")
    after = _border(pattern[-1], _END, r"(?!\.[0-9])")
    return re.search(before + re.escape(pattern) + after, text) is not None


def _border(character: str, word: str, number: str) -> str:
    """What must not stand beside a pattern that begins or ends with `character`."""
    if not (character.isascii() and character.isalnum()):
        return ""
    return word + number if character.isdigit() else word
