"""Names and numbers that a reply brings up, and which of them stand in the passages that it could be read from."""

import re
from collections.abc import Iterator, Sequence

from roleplay.measures.answered import answered

_ONES = "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
_TENS = "(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundred|thousand|dozen"
_SPELLED = rf"\b(?:{_ONES}|{_TENS})(?:-(?:one|{_ONES}))?\b"
_NUMBER = re.compile(rf"[0-9]+(?:[.,:][0-9]+)*|[〇零一二三四五六七八九十廿卅百千万两半]+|{_SPELLED}", re.IGNORECASE)
_NAME = re.compile(r"「([^「」]+)」|『([^『』]+)』|《([^《》]+)》|(?<=[\w,;:’'-] )([A-Z][a-zA-Z]+)")
_NO_NUMBER = frozenset("〇零一百千万两半")
"""Alone these are mostly parts of other words."""


def held_entities(reply: str, passages: Sequence[str], said: Sequence[str] = ()) -> tuple[int, int]:
    """How many names and numbers of a reply stand in `passages`, and how many there are; what was `said` is left out.

    Numbers are digits, Chinese number words (but a lone 一 and the like) and English ones from two on; 25 and
    twenty-five are two. Names are what stands in 「」, 『』 or 《》, and Latin words with a capital within a sentence.
    """
    before, told = "\n".join(said), "\n".join(passages)
    new = {one for one in _entities(reply) if not _stands(one, before)}
    return sum(_stands(one, told) for one in new), len(new)


def _entities(text: str) -> Iterator[str]:
    yield from _numbers(text)
    names = ("".join(groups).strip() for groups in _NAME.findall(text))
    yield from (name for name in names if not _NUMBER.fullmatch(name))


def _numbers(text: str) -> set[str]:
    return {found.lower() for found in _NUMBER.findall(text)} - _NO_NUMBER


def _stands(entity: str, text: str) -> bool:
    """Whole: six is not in twenty-six, 三 is not in 十三."""
    return entity in _numbers(text) if _NUMBER.fullmatch(entity) else answered(text, [entity]).right
