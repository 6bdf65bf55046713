"""Which parts of a text stand word for word in other texts."""

import functools
from collections.abc import Iterator, Sequence


def copied_runs(text: str, sources: Sequence[str], shortest: int) -> list[tuple[int, int, int]]:
    """Runs of `text` with at least `shortest` characters that stand in one of `sources`: (start, end, which source).

    Read from the left, each run is the longest that begins there, in the first source that has it whole; runs do not
    overlap, and none begins or ends within a word of letters. Chinese characters are words of their own.
    """
    if shortest < 1:
        raise ValueError(f"a run has at least one character, not {shortest}")
    # By start: the longest run that begins there or before and reaches beyond, with its source.
    best = [(start, -1) for start in range(len(text) + 1)]
    for start, end, source in _matches(text, sources, shortest):
        start, end = _whole_words(text, start, end)
        if end - start >= shortest and end > best[start][0]:
            best[start] = (end, source)
    runs, at, reach = [], 0, (0, -1)
    while at < len(text):
        reach = max(reach, best[at], key=lambda run: run[0])
        if reach[0] - at >= shortest and not _inside_word(text, at):
            runs.append((at, reach[0], reach[1]))
            at = reach[0]
        else:
            at += 1
    return runs


def _matches(text: str, sources: Sequence[str], shortest: int) -> Iterator[tuple[int, int, int]]:
    """Every match of at least `shortest` characters that can be extended on neither side.

    A match that long covers a whole block of a source, if blocks are half as long and lie end to end. So the blocks are
    looked up among the stretches of the text, and what is found is extended.
    """
    size = (shortest + 1) // 2
    stretches: dict[str, list[int]] = {}
    for at in range(len(text) - size + 1):
        stretches.setdefault(text[at : at + size], []).append(at)
    for number, source in _first_of_each(sources):
        if len(source) < shortest:
            continue
        ends: dict[int, int] = {}  # by distance between the places: how far the source is matched already
        for begin in range(0, len(source) - size + 1, size):
            for at in stretches.get(source[begin : begin + size], ()):
                if ends.get(begin - at, 0) > begin:
                    continue
                before, after = _common_end(text, at, source, begin), _common(text, at, source, begin)
                ends[begin - at] = begin + after
                if before + after >= shortest:
                    yield at - before, at + after, number


def _first_of_each(sources: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Sources that differ, each with the number under which it comes first."""
    first = {source: number for number, source in reversed(list(enumerate(sources)))}
    return ((number, source) for number, source in enumerate(sources) if first[source] == number)


def _common(text: str, at: int, source: str, begin: int) -> int:
    """How many characters are the same from both places on."""
    length, most = 0, min(len(text) - at, len(source) - begin)
    while length < most and text[at + length] == source[begin + length]:
        length += 1
    return length


def _common_end(text: str, at: int, source: str, begin: int) -> int:
    """How many characters are the same before both places."""
    length, most = 0, min(at, begin)
    while length < most and text[at - length - 1] == source[begin - length - 1]:
        length += 1
    return length


def _whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    """The part of a run that neither begins nor ends within a word."""
    while start < end and _inside_word(text, start):
        start += 1
    while end > start and _inside_word(text, end):
        end -= 1
    return start, end


def _inside_word(text: str, at: int) -> bool:
    """Whether a word goes on from the character before `at` to the one there."""
    return 0 < at < len(text) and _joins(text[at - 1]) and _joins(text[at])


@functools.cache
def _joins(character: str) -> bool:
    return (character.isalnum() or character in "'’_") and not _stands_alone(ord(character))


def _stands_alone(code: int) -> bool:
    """Whether it is of a script that is written without spaces: Chinese, Japanese, their extensions."""
    return 0x2E80 <= code <= 0xA4CF or 0xF900 <= code <= 0xFAFF or code >= 0x20000
