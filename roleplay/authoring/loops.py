"""Whether a text goes round in circles."""

import re
from collections import Counter

_PERIOD, _TIMES, _LEAST = 60, 4, 12
_SENTENCE = re.compile(r"[^\n.!?。！？]{8,}")


def loops(text: str) -> bool:
    """Whether something of up to 60 characters comes four times in a row, or one sentence three times."""
    sentences = Counter(match[0].strip().lower() for match in _SENTENCE.finditer(text))
    return any(count >= 3 for count in sentences.values()) or any(_runs(text, p) for p in range(1, _PERIOD + 1))


def _runs(text: str, period: int) -> bool:
    """Whether a unit of `period` characters comes `_TIMES` times in a row; lines of dashes do not count."""
    wanted = max(period * (_TIMES - 1), _LEAST)
    same = 0
    for i in range(period, len(text)):
        same = same + 1 if text[i] == text[i - period] else 0
        if same >= wanted and any(char.isalnum() for char in text[i - period : i]):
            return True
    return False
