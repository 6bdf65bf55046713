"""Rewards for how a reply ends."""

import unicodedata
from collections.abc import Collection, Sequence

from roleplay.preference.rewards.each import each
from roleplay.preference.rewards.judged import Judge, Judged


def stop(judged: Sequence[Judged]) -> list[float]:
    """1 for replies that ended by themselves, 0 for those cut at the limit."""
    return [float(one.stopped) for one in judged]


def ends(wanted: str) -> Judge:
    """1 for replies that end with `wanted`; case, width and any marks behind it make no difference.

    Signs such as ♪ or 😊 are marks too, but for those that `wanted` holds. Of marks alone, it is taken as it stands.
    """
    whole = _folded(wanted).strip()
    pictures = frozenset(char for char in whole if unicodedata.category(char) == "So")
    bare = _without_marks(whole, pictures)
    if not bare:
        return each(lambda text: float(_folded(text).rstrip().endswith(whole)))
    return each(lambda text: float(_without_marks(_folded(text), pictures).endswith(bare)))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _without_marks(text: str, kept: Collection[str]) -> str:
    """`text` up to its last letter, digit or sign of `kept`."""
    end = len(text)
    while end and not (text[end - 1].isalnum() or text[end - 1] in kept):
        end -= 1
    return text[:end]
