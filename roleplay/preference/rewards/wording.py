"""Rewards for words that a reply holds, or does not."""

from roleplay.measures.answered import answered
from roleplay.preference.rewards.each import each
from roleplay.preference.rewards.judged import Judge


def says(wanted: str) -> Judge:
    """1 for replies that hold `wanted`, by the rules of `answered`: a word is not found within another."""
    return each(lambda text: float(answered(text, [wanted]).right))


def avoids(unwanted: str) -> Judge:
    """1 for replies that do not hold it, by the same rules."""
    return each(lambda text: float(not answered(text, [unwanted]).right))
