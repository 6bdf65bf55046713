"""What to do about a corpus, said only where something is to do."""

from collections.abc import Iterator
from dataclasses import dataclass

from roleplay.measures.corpus_stats import CorpusStats

MOST_REPEATED = 0.05
"""Share of repeats that passes: above one in twenty, some answers have twice the weight that the author gave them."""

_MOST_CATCHPHRASE = 0.25
_MOST_ONE_WORD = 0.15
_LEAST_DISTINCT = 0.5


@dataclass(frozen=True)
class Finding:
    """A thing to mend."""

    problem: str
    """What was found, with its number."""
    remedy: str
    """What to do."""

    def __str__(self) -> str:
        return f"{self.problem}; {self.remedy}"


def findings(stats: CorpusStats, name: str) -> list[Finding]:
    """The worst first; `name` is the character's, for the commands that are proposed."""
    return [*_split(stats, name), *_cut(stats), *_repeated(stats), *_manner(stats)]


def _split(stats: CorpusStats, name: str) -> Iterator[Finding]:
    leaks = len(stats.split.leaks)
    if leaks:
        yield Finding(
            f"{leaks} held-out texts stand in training too, so held-out loss looks better than it is",
            f"reword or leave out one of each two: 'roleplay data check {name}' lists them",
        )


def _cut(stats: CorpusStats) -> Iterator[Finding]:
    limit = stats.cutoff.limit
    for lost, what in ((True, "are left out"), (False, "lose their end")):
        here = [one for one in stats.lengths.too_long if one.lost is lost]
        if here:
            yield Finding(
                f"{len(here)} answers {what}, for with question and prefixes they do not fit {limit} tokens "
                f"(first {here[0].place})",
                f"shorten them, or use a base and a --max-length that take {max(one.tokens for one in here)} tokens",
            )


def _repeated(stats: CorpusStats) -> Iterator[Finding]:
    for what, repeats in (("dialogues", stats.repeated_dialogues), ("answers", stats.repeated_answers)):
        if repeats.share > MOST_REPEATED:
            yield Finding(
                f"{repeats.share:.1%} of the {what} repeat another (first {repeats.found[0].place})",
                "leave them out or reword them; to pass over a corpus more often, raise its weight",
            )
    for amount in stats.amounts:
        if 0 < amount.distinct[2] < _LEAST_DISTINCT:
            yield Finding(
                f"{1 - amount.distinct[2]:.0%} of all three {amount.unit} in a row in '{amount.kind}' "
                f"({amount.language}) were said before",
                "vary how answers begin and end, or the character will speak in formulas",
            )


def _manner(stats: CorpusStats) -> Iterator[Finding]:
    for phrase in stats.habits.catchphrases:
        if phrase.share > _MOST_CATCHPHRASE:
            yield Finding(
                f"'{phrase.text}' stands in {phrase.share:.0%} of the answers",
                "take it out of most of them, or it will end up in nearly every reply",
            )
        elif not phrase.answers:
            yield Finding(
                f"the catchphrase '{phrase.text}' is never said",
                "write it into some answers, or take it off the card",
            )
    if stats.habits.one_word > _MOST_ONE_WORD:
        yield Finding(
            f"{stats.habits.one_word:.0%} of the answers are a single word",
            "let the character say more in some of them, or replies will be as short",
        )
