"""Passages and questions as the words by which the one is found for the other."""

from itertools import pairwise

from roleplay.findable import spaced
from roleplay.knowledge.asking import EMPTY


def indexed(text: str) -> str:
    """`text` as the index keeps it: its words, and every two neighbouring signs of Han, kana and Hangul as one more.

    A single Chinese character says little and most words have two. As words of their own, pairs are ranked like
    others, and how rare one is can be asked; a phrase would cost twice the time and more for every two characters.
    """
    words = spaced(text).split()
    pairs = [before + after for before, after in pairwise(words) if _is_sign(before) and _is_sign(after)]
    return " ".join(words + pairs)


def asked(question: str) -> list[str]:
    """The words of a question, each once, for which passages are ranked that hold any of them; signs mean nothing.

    Those that every question is made of are left out, unless it has no others.
    """
    words = dict.fromkeys(indexed(question).split())
    return [word for word in words if word not in EMPTY] or list(words)


def any_of(words: list[str]) -> str:
    """Words as FTS5 reads them (sqlite.org/fts5.html, 3.): quoted, so that none is an operator."""
    return " OR ".join(f'"{word}"' for word in words)


def _is_sign(word: str) -> bool:
    return len(word) == 1 and word >= "\u2e80"
