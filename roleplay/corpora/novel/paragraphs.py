"""A book as a list of paragraphs, whatever way its lines are broken."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from roleplay.text import clean

Language = Literal["zh", "en"]

CJK = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_CJK = re.compile(f"[{CJK}]")
_LATIN = re.compile("[A-Za-z]+")
_SENTENCE_END = tuple("。！？…—”」』’）.!?\"')*:：;；~～")
_NUMERAL = "零〇一二三四五六七八九十百千两\\d"
_HEADING = re.compile(
    rf"第\s?[{_NUMERAL}]{{1,8}}\s?[章回节卷部集幕折篇](?:[\s:：、·.].{{0,40}}|[^，。！？“「]{{0,20}})"
    r"|(?:序章|序|楔子|引子|尾声|番外|后记)(?:[\s:：·].{0,30})?"
    rf"|[{_NUMERAL}]{{1,4}}[.、]?"
    r"|(?i:(?:chapter|part|book|act|scene|canto)\s+(?:[ivxlc\d]{1,7}|one|two|three|four|five|six|seven|eight|nine|ten))\b.{0,60}"
    r"|(?i:prologue|epilogue|interlude)(?:[\s:.].{0,60})?"
    r"|[IVXLC]{1,7}\.?"
    r"|\#{1,6}\s.{0,80}"
    r"|(?:[*＊—\-=~◇◆○●☆★※#·_]\s?){1,40}"
)


@dataclass(frozen=True)
class Paragraph:
    """What stands between two breaks of a book."""

    text: str
    """On one line, without white space around it."""
    heading: bool
    """Whether it is the heading of a chapter or a line that parts scenes."""


def guess_language(text: str) -> Language:
    """The language of a book: Chinese where its characters outnumber Latin words."""
    sample = text[:200_000]
    return "zh" if len(_CJK.findall(sample)) > len(_LATIN.findall(sample)) else "en"


def split_paragraphs(text: str) -> list[Paragraph]:
    """Cleaned paragraphs in order; lines of a book that is wrapped to a width are joined again."""
    lines = clean(text).replace("\t", " ").split("\n")
    blocks = _unwrapped(lines) if _is_wrapped(lines) else iter(lines)
    stripped = (block.strip() for block in blocks)
    return [Paragraph(block, _HEADING.fullmatch(block[:140]) is not None) for block in stripped if block]


def _is_wrapped(lines: list[str]) -> bool:
    """Where a line is directly followed by another, it mostly ends in the middle of a sentence."""
    followed = [one.rstrip() for one, after in pairwise(lines) if one.strip() and after.strip()]
    return sum(not line.endswith(_SENTENCE_END) for line in followed) * 2 > len(followed) > 4


def _unwrapped(lines: list[str]) -> Iterator[str]:
    """Paragraphs begin after an empty line, at an indented one or at a heading."""
    block: list[str] = []
    for line in lines:
        text = line.strip()
        indented = line.startswith(("  ", "\u3000"))
        if block and (not text or indented or _HEADING.fullmatch(text[:140])):
            yield _joined(block)
            block = []
        if text:
            block.append(text)
            if _HEADING.fullmatch(text[:140]):
                yield _joined(block)
                block = []
    if block:
        yield _joined(block)


def _joined(lines: list[str]) -> str:
    parts = [lines[0]]
    for before, line in pairwise(lines):
        seamless = ord(before[-1]) > 0x2E7F or ord(line[0]) > 0x2E7F
        parts += [line] if seamless else [" ", line]
    return "".join(parts)
