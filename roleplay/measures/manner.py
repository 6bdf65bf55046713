"""The manner of replies: whether they end, how long they are, what they say by rote."""

from collections.abc import Mapping, Sequence

from roleplay.measures.copied import copied_runs
from roleplay.measures.interval import Interval, mean, ratio
from roleplay.measures.language import Language

SHORTEST: Mapping[Language, int] = {"zh": 10, "en": 24, "other": 16}
"""Characters from which on a run counts as copied, by language.

Shorter runs are the language's: half of what the English character says in held-out lines, which nobody copied, stands
in runs of 8 that were trained. Of 10 characters in Chinese, or 24 in English, about five words, hardly a held-out line
has a run, and then it is mostly a catchphrase.
"""


def stop_share(stopped: Sequence[str], groups: Sequence[str] | None = None) -> Interval:
    """Share of replies that ended by themselves: `stopped` is `end`, not `length`."""
    return mean([reason == "end" for reason in stopped], groups)


def length_ratio(replies: Sequence[str], references: Sequence[str], groups: Sequence[str] | None = None) -> Interval:
    """Characters of all replies over those of all references."""
    said, written = ([len(text) for text in texts] for texts in (replies, references))
    return ratio(said, written, [str(i) for i in range(len(replies))] if groups is None else groups)


def catchphrase_share(
    replies: Sequence[str], catchphrases: Sequence[str], groups: Sequence[str] | None = None
) -> Interval:
    """Share of replies that hold any of the catchphrases, case apart; these have their names filled in."""
    phrases = [phrase.casefold() for phrase in catchphrases]
    return mean([any(phrase in reply.casefold() for phrase in phrases) for reply in replies], groups)


def copied_share(text: str, sources: Sequence[str], shortest: int) -> float:
    """Share of the characters that stand word for word in one of `sources`, in runs of at least `shortest`; 0 to 1."""
    return sum(end - start for start, end, _ in copied_runs(text, sources, shortest)) / max(1, len(text))


def longest_copied(text: str, sources: Sequence[str]) -> int:
    """Characters of the longest run that stands word for word in one of `sources`, whole words only."""
    # Runs do not overlap, so a shorter one may hide part of the longest; asked for its full length, it is found whole.
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        runs = copied_runs(text, sources, middle)
        if runs:
            low = max(end - start for start, end, _ in runs)
        else:
            high = middle - 1
    return low
