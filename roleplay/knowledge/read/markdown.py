"""Markdown, line by line: headings, paragraphs, items of lists, fenced code (spec.commonmark.org/0.31.2, 4 and 5)."""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from roleplay.knowledge.passage import Block
from roleplay.knowledge.read.blocks import fitting
from roleplay.knowledge.read.decoded import Line, Paragraph, read_lines

_ITEM = re.compile(r"(?:[-*+]|\d{1,3}[.)])[ \t]")
_NO_PARAGRAPH = (">", "|", "    ", "\t")
"""What a line begins with that no line of signs below it makes a heading."""
_KEY = re.compile(r"[\w-]+:|#")
_LONGEST_FRONT_MATTER = 200


def read_markdown(path: Path) -> Iterator[Block]:
    """Blocks of a Markdown file, exact slices of the document as read: links and emphasis stay as they are written.

    YAML at the top, the signs that make a heading, lines that part and those that open and close code are left out.
    """
    paragraph = Paragraph()
    fence = ""
    for line in _after_front_matter(read_lines(path)):
        text = line.text.strip()
        marks = _fence(line, text)
        if fence:
            if marks.startswith(fence) and marks == text:
                yield from paragraph.end()
                fence = ""
            else:
                yield from paragraph.add(line)
        elif marks or line.blank or (not (underline := _underlined(paragraph, line, text)) and _parts(line, text)):
            yield from paragraph.end()
            fence = marks
        elif underline:
            yield from paragraph.end("heading", underline)
        elif (heading := _heading(line)) is not None:
            yield from paragraph.end()
            yield from heading
        else:
            if _ITEM.match(text) and line.whole:
                yield from paragraph.end()
            yield from paragraph.add(line)
    yield from paragraph.end()


def _after_front_matter(lines: Iterator[Line]) -> Iterator[Line]:
    """The lines without YAML between two lines of dashes at the top; a line that parts is not taken for it."""
    held: list[Line] = []
    for line in lines:
        held.append(line)
        text = line.text.rstrip()
        if (len(held) == 1 and text != "---") or (len(held) == 2 and not _KEY.match(text)):
            break
        if len(held) > 1 and text in ("---", "..."):
            return lines
        if len(held) == _LONGEST_FRONT_MATTER:
            break
    return chain(held, lines)


def _indented(line: Line) -> bool:
    return line.text.startswith(("    ", "\t")) or not line.whole


def _fence(line: Line, text: str) -> str:
    """The signs that open or close code, or nothing."""
    if _indented(line) or not text.startswith(("```", "~~~")):
        return ""
    rest = text.lstrip(text[0])
    return "" if text[0] == "`" and "`" in rest else text[: len(text) - len(rest)]


def _underlined(paragraph: Paragraph, line: Line, text: str) -> int:
    """Level of the heading that the gathered lines become by this one, else 0."""
    first = paragraph.first
    if _indented(line) or not first or first.startswith(_NO_PARAGRAPH) or _ITEM.match(first.lstrip()):
        return 0
    return {"=": 1, "-": 2}.get(text[0], 0) if text and not text.strip(text[0]) else 0


def _parts(line: Line, text: str) -> bool:
    """Whether the line is one that parts: three or more of one sign."""
    signs = "".join(text.split())
    return not _indented(line) and len(signs) > 2 and signs[0] in "-*_" and not signs.strip(signs[0])


def _heading(line: Line) -> list[Block] | None:
    """The heading that begins with number signs, none where it has no words; `None` where the line is no heading."""
    text = line.text.strip()
    rest = text.lstrip("#")
    level = len(text) - len(rest)
    if _indented(line) or not 1 <= level <= 6 or (rest and not rest[0].isspace()):
        return None
    words = rest.strip()
    bare = words.rstrip("#")
    if not bare or bare[-1].isspace():  # closing signs stand behind a blank
        words = bare.rstrip()
    if not words:
        return []
    start = line.start + line.text.index("#") + level + len(rest) - len(rest.lstrip())
    kind, level = fitting("heading", len(words), level)
    return [Block(kind, words, start, level, line=line.number)]
