"""What changed between two adapters that were asked the same: a difference with its interval."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from roleplay.measures.interval import Interval, ratio

FEWEST = 6
"""Groups from which on a difference is told from chance: fewer go all one way more often than 1 time in 20."""
_RESAMPLES = 2000


class Item(NamedTuple):
    """What one prompt adds to a figure, which is a ratio of sums; for a mean `below` is 1."""

    above: float
    """What is summed."""
    below: float
    """What it is divided by."""
    group: str
    """What belongs together, such as the answers of one dialogue, is drawn together."""


Items = Mapping[str, Item]
"""By prompt."""


def figure_of(items: Items) -> Interval:
    """The ratio of sums, with its bootstrap interval."""
    rows = list(items.values())
    return ratio([row.above for row in rows], [row.below for row in rows], [row.group for row in rows])


def difference(before: Items, after: Items) -> Interval | None:
    """The figure after minus the figure before; `None` unless both have the same prompts, in groups enough.

    A percentile bootstrap over the groups (Efron 1979) that draws the same ones for both: what makes a prompt hard for
    either is no noise.
    """
    places = {name: at for at, name in enumerate(sorted({item.group for item in before.values()}))}
    if before.keys() != after.keys() or len(places) < FEWEST:
        return None
    sums = np.zeros((4, len(places)))
    for key, item in before.items():
        later = after[key]
        sums[:, places[item.group]] += item.above, item.below, later.above, later.below
    picks = np.random.default_rng(0).integers(0, len(places), (_RESAMPLES, len(places)))
    low, high = np.percentile(_gain(sums[:, picks].sum(2)), [2.5, 97.5])
    return Interval(float(_gain(sums.sum(1))), float(low), float(high))


def _gain(sums: np.ndarray) -> np.ndarray:
    """Sums (4, …) above and below before, above and below after; nothing below counts as one, as in `ratio`."""
    above, below, later, under = sums
    gain: np.ndarray = later / np.where(under == 0, 1, under) - above / np.where(below == 0, 1, below)
    return gain
