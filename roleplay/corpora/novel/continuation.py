"""A book as text so far and what follows, cut between sentences."""

import re
from collections.abc import Iterator
from itertools import pairwise

from roleplay.corpora.novel.paragraphs import Language, Paragraph, split_paragraphs
from roleplay.dialogue import Dialogue, Turn

ASKING: dict[Language, str] = {"zh": "请接着往下写：", "en": "Go on with this text:"}
"""What the user's turn begins with."""

_LONGEST = 4
"""A sentence longer than so many lengths is no sentence, and is cut anywhere."""
_OVERLAP = 0.25
"""Share of a document that its successor repeats."""
_END = re.compile(r"[。！？…]+[”’」』）]*|(?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bDr)(?<!\bSt)[.!?…]+[\"”’')]*(?=\s|$)")


def continuation_dialogues(text: str, language: Language, length: int, source: str) -> list[Dialogue]:
    """Pairs of a piece and the one after it, within a chapter: every piece but the ends is asked for, then goes on."""
    dialogues: list[Dialogue] = []
    for chapter in _chapters(text):
        pieces = ["".join(sentences).strip() for sentences in _pieces(chapter, length, 0)]
        for before, after in pairwise(pieces):
            turns = (Turn("user", f"{ASKING[language]}\n\n{before}"), Turn("assistant", after))
            dialogues.append(Dialogue(turns, f"{source}:{len(dialogues) + 1}"))
    return dialogues


def documents(text: str, length: int) -> list[str]:
    """Pieces of at most `length` characters where sentences allow it; each begins with the end of the one before it."""
    overlap = int(length * _OVERLAP)
    return ["".join(piece).strip() for chapter in _chapters(text) for piece in _pieces(chapter, length, overlap)]


def _chapters(text: str) -> Iterator[list[Paragraph]]:
    """Paragraphs between headings."""
    chapter: list[Paragraph] = []
    for paragraph in split_paragraphs(text):
        if not paragraph.heading:
            chapter.append(paragraph)
        elif chapter:
            yield chapter
            chapter = []
    if chapter:
        yield chapter


def _pieces(chapter: list[Paragraph], length: int, overlap: int) -> Iterator[list[str]]:
    """As many sentences as fit, again and again; the last `overlap` characters of them begin the next piece too."""
    piece: list[str] = []
    size = fresh = 0
    for paragraph in chapter:
        for sentence in _sentences(paragraph.text, length):
            if fresh and size + len(sentence) > length:
                yield piece
                piece = _tail(piece, min(overlap, length - len(sentence)))
                size, fresh = sum(map(len, piece)), 0
            piece.append(sentence)
            size, fresh = size + len(sentence), fresh + 1
        piece.append("\n")
    if fresh:
        yield piece


def _tail(piece: list[str], limit: int) -> list[str]:
    """The last sentences of a piece, of at most `limit` characters."""
    kept, size = len(piece), 0
    while kept and size + len(piece[kept - 1]) <= limit:
        kept -= 1
        size += len(piece[kept])
    return piece[kept:]


def _sentences(text: str, length: int) -> Iterator[str]:
    at = 0
    for end in [*(match.end() for match in _END.finditer(text)), len(text)]:
        for start in range(at, end, length) if end - at > _LONGEST * length else [at]:
            if start < end:
                yield text[start : min(end, start + length)] if end - at > _LONGEST * length else text[at:end]
        at = end
