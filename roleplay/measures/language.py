"""The language and size of a text, by the script of its letters."""

import re
from collections import Counter
from typing import Literal

Language = Literal["zh", "en", "other"]

_HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_LATIN = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
_UNIT = re.compile(rf"(?P<zh>[{_HAN}])|(?P<en>[{_LATIN}]+(?:['’-][{_LATIN}]+)*)|(?P<other>[^\W\d_])")


def language_of(text: str) -> Language:
    """`zh` or `en` where more than half of the text is Chinese characters or words in Latin letters, else `other`.

    A Chinese character counts as much as a whole Latin word, so that an English name in a Chinese sentence stays one.
    """
    counts = _count(text)
    for language in ("zh", "en"):
        if 2 * counts[language] > counts.total():
            return "zh" if language == "zh" else "en"
    return "other"


def size_of(text: str) -> int:
    """How much is said, in Chinese characters; a Latin word counts as two, letters of other scripts as one."""
    counts = _count(text)
    return counts.total() + counts["en"]


def is_one_word(text: str) -> bool:
    """Whether nothing but one word is said: at most two Chinese characters, or one word in Latin letters."""
    return size_of(text) <= 2


def _count(text: str) -> Counter[str]:
    return Counter(match.lastgroup or "" for match in _UNIT.finditer(text))
