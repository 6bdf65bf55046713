"""Whom a book lets speak, under which names."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Names:
    """Every spelling that names a speaker."""

    speakers: Mapping[str, str]
    """Spelling -> the one name its speaker goes by."""

    @cached_property
    def pattern(self) -> str:
        """A regular expression of all spellings, the longest first; matches nothing where there are none."""
        groups: dict[str, list[str]] = {}
        for spelling in sorted(self.speakers, key=lambda one: (-len(one), one)):
            groups.setdefault(spelling[0], []).append(re.escape(spelling))
        return "(?:" + "|".join("|".join(group) for group in groups.values()) + ")" if groups else "(?!)"

    @cached_property
    def found(self) -> re.Pattern[str]:
        """Finds a spelling; Latin ones as whole words."""
        return re.compile(rf"(?<![A-Za-z]){self.pattern}(?![A-Za-z])")

    def speaker(self, spelling: str) -> str:
        """Who is named so."""
        return self.speakers.get(spelling, spelling)


def gather(mined: Counter[str], groups: Sequence[Sequence[str]], unify: Mapping[str, str]) -> Names:
    """Names from counts of candidates, from groups that name one speaker each, and from short forms of others."""
    speakers = {spelling: spelling for spelling in mined}
    for group in groups:
        speakers |= {spelling: group[0] for spelling in group if spelling}
    given = {spelling for group in groups for spelling in group}
    for short, long in unify.items():
        if short not in given and long in speakers:
            speakers[short] = speakers[long]
    return Names(speakers)


def likely_aliases(names: Sequence[str], counts: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Speakers whose names share a word with one of `names`, or a Chinese character: perhaps the same person."""
    own = set().union(*map(_parts, names))
    return [(other, count) for other, count in counts if other not in names and own & _parts(other)]


def _parts(name: str) -> set[str]:
    words = {word.lower() for word in re.findall(r"[A-Za-z]{3,}", name)} - {"the", "mrs", "miss"}
    return words | {char for char in name if ord(char) > 0x2E7F and char not in "小阿老大"}
