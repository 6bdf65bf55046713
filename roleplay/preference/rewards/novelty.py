"""Rewards for what a reply does not repeat: the corpus, or itself."""

from collections.abc import Sequence

from roleplay.measures.diversity import distinct
from roleplay.measures.language import language_of
from roleplay.measures.manner import SHORTEST, copied_share
from roleplay.preference.rewards.each import each
from roleplay.preference.rewards.judged import Judge

_RUN = 4
_READ = 4000
"""Characters of a reply that are looked up in the corpus: no drawn reply should be longer, and one of a hundred
thousand, all copied, could take a minute."""


def original(own: Sequence[str]) -> Judge:
    """Share of the characters that stand in no trained answer of `own`, in runs as long as evaluation counts them."""
    sources = list(dict.fromkeys(own))
    shortest = SHORTEST[language_of(" ".join(sources))]
    return each(lambda text: 1.0 - copied_share(text[:_READ], sources, shortest))


def varied() -> Judge:
    """Different runs of four characters over all of them, white space and punctuation left out; 1 without any."""
    # Characters in every language, as Chinese is counted: a word of English said twice is no fault.
    return each(lambda text: distinct([text], "zh", (_RUN,))[0] or 1.0)
