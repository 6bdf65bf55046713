"""The words in which two texts differ."""

import re
from difflib import SequenceMatcher

Span = tuple[int, int]
"""Where something begins in a text, and where it ends."""

# A character of Chinese or Japanese is a word of its own, and so is a mark.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+|\S")
_SHORTEST = 2
"""Words in a row that count as common; fewer stand there by chance, but where both texts begin or end with them."""
_LEAST = 0.3
"""Share of common words below which two texts have nothing to do with each other."""
_LONG = 600
"""Words of a text from which on frequent ones are left out of the search, which would take seconds."""


def differing(one: str, other: str) -> tuple[list[Span], list[Span]] | None:
    """Where each of two texts has words that the other lacks; `None` where they differ throughout."""
    words = [list(_WORD.finditer(text)) for text in (one, other)]
    own, others = ([word.group() for word in found] for found in words)
    matcher = SequenceMatcher(None, own, others, autojunk=max(len(own), len(others)) > _LONG)
    ends = (len(own), len(others))
    common = [
        block
        for block in matcher.get_matching_blocks()
        if block.size >= _SHORTEST or (block.a, block.b) == (0, 0) or (block.a + 1, block.b + 1) == ends
    ]
    if 2 * sum(block.size for block in common) < _LEAST * (len(own) + len(others)):
        return None
    return (
        _between(words[0], [(block.a, block.a + block.size) for block in common]),
        _between(words[1], [(block.b, block.b + block.size) for block in common]),
    )


def _between(words: list[re.Match[str]], common: list[tuple[int, int]]) -> list[Span]:
    """The text from the first to the last word of each gap between runs of common words."""
    ends = [0, *(end for _, end in common)]
    starts = [*(start for start, _ in common), len(words)]
    gaps = zip(ends, starts, strict=True)
    return [(words[first].start(), words[last - 1].end()) for first, last in gaps if first < last]
