"""Rewards for the length of a reply, in characters; beyond a border they fall off slowly, so that replies differ."""

from roleplay.preference.rewards.each import each
from roleplay.preference.rewards.judged import Judge


def shorter(most: int) -> Judge:
    """1 up to `most`, then `most` over the length: a half at twice that."""
    return each(lambda text: min(1.0, most / len(text)))


def longer(least: int) -> Judge:
    """1 from `least` on, below it the length over `least`."""
    return each(lambda text: min(1.0, len(text) / least))


def within(least: int, most: int) -> Judge:
    """1 from `least` to `most`, outside as `longer` and `shorter`."""
    return each(lambda text: min(1.0, len(text) / least, most / len(text)))
