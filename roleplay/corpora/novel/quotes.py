"""Where a paragraph quotes, by its marks alone."""

import re
from dataclasses import dataclass

from roleplay.corpora.novel.paragraphs import Language, Paragraph

_CLOSING = {"“": "”", "「": "」", "『": "』", "‘": "’", "〝": "〞", '"': '"', "＂": "＂", "'": "'"}
_PUNCTUATION = ",.!?…—-;:~。！？，"


@dataclass(frozen=True)
class Quote:
    """One quotation in one paragraph."""

    paragraph: int
    """Index of its paragraph in the book."""
    start: int
    """Where its text begins in the paragraph, behind the opening mark."""
    end: int
    """Where its text ends."""
    text: str
    """What stands between the marks, without white space around it."""
    closed: bool
    """Whether a closing mark was found; a speech of several paragraphs closes only in its last."""


def outer_marks(paragraphs: list[Paragraph], language: Language) -> str:
    """Opening marks that begin a speech in this book; in English, single ones only where they are the habit."""
    if language == "zh":
        return '“「『‘〝"＂'
    starts = [paragraph.text[0] for paragraph in paragraphs]
    double = sum(starts.count(mark) for mark in '“"')
    curly, straight = starts.count("‘"), starts.count("'")
    if max(curly, straight) <= double:
        return '“"'
    return "‘" if curly >= straight else "'"


def find_quotes(text: str, marks: str, paragraph: int = 0) -> list[Quote]:
    """Outermost quotations of a paragraph, in order; those nested in them stay part of their text."""
    found: list[Quote] = []
    opening = re.compile(f"[{marks}]")
    balanced = {mark: text.count(mark) == text.count(_CLOSING[mark]) for mark in marks}
    at = 0
    while (match := opening.search(text, at)) is not None:
        mark, start = match.group(), match.end()
        if mark == "'" and not _opens(text, start - 1):
            at = start
            continue
        end = _single_close(text, start, mark) if mark in "‘'" else _close(text, start, mark, balanced[mark])
        closed = end is not None
        end = len(text) if end is None else end
        content = text[start:end].strip()
        if content:
            found.append(Quote(paragraph, start, end, content, closed))
        at = end + 1
    return found


def _close(text: str, start: int, mark: str, balanced: bool) -> int | None:
    """Index of the closing mark. Where marks do not come in pairs, an opening one inside is a closing one mistyped."""
    close, depth = _CLOSING[mark], 1
    if close == mark:
        at = text.find(mark, start)
        return None if at < 0 else at
    for match in re.compile(f"[{mark}{close}]").finditer(text, start):
        if match.group() == close or not balanced:
            depth -= 1
            if depth == 0:
                return match.start()
        else:
            depth += 1
    return None


def _opens(text: str, at: int) -> bool:
    """Whether the straight single mark at `at` begins a quotation and is no apostrophe."""
    return (at == 0 or text[at - 1] in " (—-") and text[at + 1 : at + 2].isalnum()


def _single_close(text: str, start: int, mark: str) -> int | None:
    """Index of the single mark that closes and is no apostrophe: one behind punctuation, else one before no letter."""
    close = _CLOSING[mark]
    limit = text.find(mark, start) if mark != close else -1
    fallback = None
    for match in re.compile(close).finditer(text, start, limit if limit >= 0 else len(text)):
        at = match.start()
        following = text[at + 1 : at + 2]
        if following.isalnum() and ord(following) < 0x2E80:
            continue
        if text[at - 1] in _PUNCTUATION or ord(text[at - 1]) > 0x2E7F:
            return at
        fallback = at if fallback is None else fallback
    return fallback
