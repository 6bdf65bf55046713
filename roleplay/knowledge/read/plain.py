"""Plain text: paragraphs between empty lines, or a paragraph a line where lines are not wrapped to a width."""

from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from pathlib import Path

from roleplay.knowledge.passage import Block
from roleplay.knowledge.read.decoded import Line, Paragraph, read_lines

_SAMPLE = 2**17
"""Characters by which a file is judged."""
_SENTENCE_END = tuple("。！？…—”」』）.!?\"')*:：;；~～")


def read_plain(path: Path) -> Iterator[Block]:
    """Paragraphs of a `.txt` file, exact slices of the document as read."""
    lines = read_lines(path)
    sample: list[Line] = []
    for line in lines:
        sample.append(line)
        if line.start > _SAMPLE:
            break
    wrapped = _wrapped(sample)
    paragraph = Paragraph()
    for line in chain(sample, lines):
        if line.blank:
            yield from paragraph.end()
            continue
        yield from paragraph.add(line)
        if line.whole and not wrapped:
            yield from paragraph.end()
    yield from paragraph.end()


def _wrapped(lines: Sequence[Line]) -> bool:
    """Where a line is directly followed by another, it mostly ends in the middle of a sentence."""
    followed = [one.text.rstrip() for one, after in pairwise(lines) if not one.blank and not after.blank]
    return sum(text.endswith(_SENTENCE_END) for text in followed) * 2 < len(followed)
