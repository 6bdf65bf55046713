"""Text as words that can be found: folded, and one character each where a script puts no blanks between words."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

# Scripts that are indexed character by character: kana, Han with its extensions, Hangul. A Han character is a word to
# FTS5, but so would be a whole sentence of them; the trigram tokenizer would find no word of one or two.
_SINGLE = (
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0002fa1f"
)
# What `unicode61` takes for no word at all: pictures, and Han that came after its tables.
_STRANGE = "\u2600-\u27bf\U0001f000-\U0001faff\U00030000-\U000323af"
_WORD = re.compile(f"[{_SINGLE}{_STRANGE}]|[^\\W_{_SINGLE}{_STRANGE}]+")
_SINGLES, _STRANGES = re.compile(f"[{_SINGLE}{_STRANGE}]"), re.compile(f"[{_STRANGE}]")
_ACCENTS = re.compile("[\u0300-\u036f]")
# A quoted phrase, its closing quote perhaps still to be typed, or what stands between blanks.
_PARTS = re.compile('["“”„]([^"“”„]*)(?:["“”„]|$)|([^\\s"“”„]+)')


@dataclass(frozen=True)
class Term:
    """What a text must hold: these words, one after the other."""

    words: tuple[str, ...]
    """Folded."""
    begins: bool
    """Whether the last one may be the beginning of a longer word."""


def spaced(text: str) -> str:
    """`text` as the index keeps it: its words, folded, with blanks between."""
    return _indexed(_WORD.findall(_folded(text)))


def read_query(query: str) -> list[Term]:
    """What a person wants to find: words that must all occur, quoted ones as a phrase; signs mean nothing."""
    terms = []
    for quoted, bare in _PARTS.findall(query):
        words = tuple(_WORD.findall(_folded(quoted or bare)))
        if words:
            terms.append(Term(words, not quoted and _SINGLES.fullmatch(words[-1]) is None))
    return terms


def match_expression(terms: Sequence[Term]) -> str:
    """The terms as FTS5 reads them (sqlite.org/fts5.html, 3.): quoted, so that no word is an operator."""
    phrases = (f'"{_indexed(term.words)}"' + ("*" if term.begins else "") for term in terms)
    return " AND ".join(phrases)


def places(text: str, terms: Sequence[Term]) -> list[tuple[int, int]]:
    """Where in `text` the terms stand, as (start, end), in order and without overlap."""
    there = [(match.start(), match.end()) for match in _WORD.finditer(text)]
    words = [_folded(text[start:end]) for start, end in there]
    found = []
    for term in terms:
        *before, last = term.words
        for i in range(len(words) - len(before)):
            end = i + len(before)
            if words[i:end] == before and (words[end].startswith(last) if term.begins else words[end] == last):
                found.append((there[i][0], there[end][1]))
    return _merged(sorted(found))


def _merged(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in found:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _folded(text: str) -> str:
    """Without case, accents and differences of width."""
    if text.isascii():
        return text.lower()
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold()))
    return unicodedata.normalize("NFC", plain)


def _indexed(words: Sequence[str]) -> str:
    return _STRANGES.sub(lambda strange: f"u{ord(strange[0]):x}", " ".join(words))
