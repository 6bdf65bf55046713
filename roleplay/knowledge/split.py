"""Blocks of a document as passages of a bounded number of tokens, in a stream."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import NamedTuple

from roleplay.errors import UsageError
from roleplay.knowledge.passage import Block, Passage, Place
from roleplay.knowledge.sentences import sentences

Count = Callable[[str], int]
"""Tokens of a text."""

BUDGET = 200
"""Tokens of a passage at most, where nothing else is asked for."""
OVERLAP = 40
"""Tokens of a passage that the next may repeat, likewise."""

_LEAST = 16
"""A smaller budget might not hold a single character with its marks."""
_LONGEST_HEADING = 200
"""Characters; a longer heading is text: it would be kept with every passage below it."""
_ROOM = 20
"""So many characters for every token of the budget are too many; they are not counted, only cut."""
_LINE_BREAK = 2
"""Tokens between two paragraphs: one, and one for what a tokenizer may do differently at a seam."""
_CLAUSE = re.compile(r"(?:[，、；：。！？…;\n—]|[,.:!?](?!\d))[\"'”’」』》）)\]]*\s*")
_BLANK = re.compile(r"\s+")
_JOINER = "\u200d"


class _Piece(NamedTuple):
    """A block, or a part of one that is too long."""

    text: str
    """With the blanks behind it."""
    tokens: int
    """Of it alone."""
    start: int
    """Offset in the document."""
    line: int | None
    """Line of the file it begins on."""
    block: Block
    """Where it comes from."""
    sentence: bool
    """Whether it consists of whole sentences, so that it can be repeated."""


@dataclass
class _Heading:
    """A heading that is in force."""

    block: Block
    used: bool = False
    """Whether anything stood below it."""


def split(
    blocks: Iterable[Block], count: Count, *, budget: int = BUDGET, overlap: int = OVERLAP, file: str
) -> Iterator[Passage]:
    """Passages of at most `budget` tokens that together hold all text of the blocks; none crosses a heading.

    Paragraphs are joined by newlines as far as they fit, and so are rows, but not with each other. What is too long is
    cut between sentences, else behind a comma, else at a blank, else between two characters. Where paragraphs below
    one heading come into several passages, each repeats whole sentences of at most `overlap` tokens from the end of
    the one before. A heading with nothing below it is a passage of its own.

    Every text is counted about once: the tokens of a joined passage are the sum of its parts', one or two too many at
    a seam. Raises UsageError for a budget below 16 tokens, or an overlap of more than half of it.
    """
    if budget < _LEAST:
        raise UsageError(f"a passage of {budget} tokens is too short; give it at least {_LEAST}")
    if not 0 <= overlap <= budget // 2:
        raise UsageError(f"passages of {budget} tokens cannot repeat {overlap}; choose 0 to {budget // 2}")
    return _Splitter(count, budget, overlap, file).passages(blocks)


class _Splitter:
    """What is held back until it is known to be complete: at most one passage."""

    def __init__(self, count: Count, budget: int, overlap: int, file: str) -> None:
        self._count, self._budget, self._overlap, self._file = count, budget, overlap, file
        self._headings: list[_Heading] = []
        self._held: list[_Piece] = []
        self._size = 0

    def passages(self, blocks: Iterable[Block]) -> Iterator[Passage]:
        for block in blocks:
            if not block.text.strip():
                continue
            if block.kind == "heading":
                yield from self._flush()
                yield from self._leave(max(block.level, 1))
            if block.kind == "heading" and len(block.text) <= _LONGEST_HEADING:
                self._headings.append(_Heading(block))
            else:
                yield from self._take(block)
        yield from self._flush()
        yield from self._leave(1)

    def _leave(self, level: int) -> Iterator[Passage]:
        """End the sections of this level and of those below it."""
        while self._headings and max(self._headings[-1].block.level, 1) >= level:
            left = self._headings.pop()
            if not left.used:
                for piece in self._pieces(left.block):
                    yield from self._add(piece)
                yield from self._flush()

    def _take(self, block: Block) -> Iterator[Passage]:
        if self._held and "row" in (block.kind, self._held[-1].block.kind) and block.kind != self._held[-1].block.kind:
            yield from self._flush()
        pieces = self._pieces(block)
        first, second = next(pieces), next(pieces, None)
        if second is None:
            yield from self._add(first)
            return
        if block.kind == "row":  # a row in parts stands alone: beside another it could not be told from it
            yield from self._flush()
        for piece in chain([first, second], pieces):
            yield from self._add(piece)
        if block.kind == "row":
            yield from self._flush()

    def _add(self, piece: _Piece) -> Iterator[Passage]:
        if self._held and self._size + self._seam(piece) + piece.tokens > self._budget:
            yield from self._passage()
            self._held = self._repeated(piece) if piece.block.kind == "paragraph" else []
            self._size = self._sum(self._held)
        self._size += piece.tokens + (self._seam(piece) if self._held else 0)
        self._held.append(piece)

    def _flush(self) -> Iterator[Passage]:
        if self._held:
            yield from self._passage()
        self._held, self._size = [], 0

    def _passage(self) -> Iterator[Passage]:
        first, last = self._held[0], self._held[-1]
        text = first.text + "".join(
            ("" if piece.block is before.block else "\n") + piece.text for before, piece in pairwise(self._held)
        )
        start = first.start + len(text) - len(text.lstrip())
        if text.strip():
            for heading in self._headings:
                heading.used = True
            headings = tuple(heading.block.text for heading in self._headings)
            end = last.start + len(last.text.rstrip())
            place = Place(self._file, headings, first.block.page, first.line, start, end)
            yield Passage(text.strip(), self._size, place)

    def _repeated(self, coming: _Piece) -> list[_Piece]:
        """Whole sentences from the end of what is held, as far as they and `coming` fit into a passage."""
        kept: list[_Piece] = []
        room = min(self._overlap, self._budget - coming.tokens - _LINE_BREAK)
        for piece in reversed(self._held):
            if not piece.sentence:
                break
            parts = [piece] if piece.tokens <= room else list(self._last_sentences(piece, room))
            kept = [*parts, *kept]
            room -= sum(part.tokens for part in parts) + _LINE_BREAK
            if parts != [piece]:
                break
        return kept

    def _last_sentences(self, piece: _Piece, room: int) -> Iterator[_Piece]:
        parts = list(sentences(piece.text[-room * _ROOM :]))
        kept, end = [], len(piece.text)
        for text in reversed(parts[1:]):  # the first may lack its beginning
            tokens = self._count(text)
            if tokens > room:
                break
            room, end = room - tokens, end - len(text)
            line = _line_after(piece.line, piece.text[:end])
            kept.append(_Piece(text, tokens, piece.start + end, line, piece.block, True))
        return reversed(kept)

    def _sum(self, pieces: list[_Piece]) -> int:
        seams = sum(b.block is not a.block for a, b in pairwise(pieces)) * _LINE_BREAK
        return sum(piece.tokens for piece in pieces) + seams

    def _seam(self, piece: _Piece) -> int:
        return 0 if self._held[-1].block is piece.block else _LINE_BREAK

    def _pieces(self, block: Block) -> Iterator[_Piece]:
        """The block whole if it fits, else its sentences and, of those that are too long, parts."""
        text = block.text
        if len(text) <= self._budget:  # so few characters hardly ever have more tokens
            tokens = self._count(text)
            if tokens <= self._budget:
                yield _Piece(text, tokens, block.start, block.line, block, True)
                return
        held: list[_Piece] = []
        size, fits = 0, True
        for piece in self._parts(block):
            size += piece.tokens
            fits = fits and size <= self._budget and piece.sentence
            held.append(piece)
            if not fits:
                yield from held
                held = []
        if held:
            yield _Piece(text, size, block.start, block.line, block, True)

    def _parts(self, block: Block) -> Iterator[_Piece]:
        at, line = block.start, block.line
        for sentence in sentences(block.text):
            for part, tokens in self._fitting(sentence):
                yield _Piece(part, tokens, at, line, block, part is sentence)
                at += len(part)
                line = _line_after(line, part)

    def _fitting(self, sentence: str) -> Iterator[tuple[str, int]]:
        """The sentence itself if it fits, else parts of it, with their tokens."""
        if len(sentence) <= self._budget * _ROOM:
            tokens = self._count(sentence)
            if tokens <= self._budget:
                yield sentence, tokens
                return
        yield from self._windows(sentence)

    def _windows(self, text: str) -> Iterator[tuple[str, int]]:
        """Parts of a sentence, each about as long as a passage can be, with their tokens."""
        at, size = 0, self._budget
        while at < len(text):
            part = text[at : at + size]
            if at + size < len(text):
                part = part[: _border(part, text[at + size])]
            tokens = self._count(part)
            if tokens > self._budget and len(part) > 1:
                size = max(1, min(len(part) - 1, len(part) * self._budget // tokens))
                continue
            yield part, tokens
            at += len(part)
            size = max(1, min(len(part) * self._budget // max(tokens, 1), self._budget * _ROOM))


def _line_after(line: int | None, text: str) -> int | None:
    return None if line is None else line + text.count("\n")


def _border(text: str, after: str) -> int:
    """Where to cut `text`, which `after` follows: the last good place in its second half."""
    for pattern in (_CLAUSE, _BLANK):
        ends = [match.end() for match in pattern.finditer(text, len(text) // 2)]
        if ends:
            return ends[-1]
    end = len(text)
    while end > 1 and _belong_together(text[end - 1], text[end] if end < len(text) else after):
        end -= 1
    return end if end > 1 else len(text)


def _belong_together(before: str, after: str) -> bool:
    """Whether two characters are parts of one sign, roughly as Unicode's annex 29 has it."""
    return (
        unicodedata.category(after)[0] == "M"
        or _JOINER in (before, after)
        or "\U0001f3fb" <= after <= "\U0001f3ff"  # a colour of skin
        or ("\U0001f1e6" <= before <= "\U0001f1ff" and "\U0001f1e6" <= after <= "\U0001f1ff")  # a flag
    )
