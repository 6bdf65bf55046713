"""How far a figure can be trusted: ratios of sums with their bootstrap intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """A number with its 95 % bootstrap interval."""

    value: float
    """Of all samples together."""
    low: float
    """2.5th percentile of the resamples."""
    high: float
    """97.5th percentile."""

    def apart_from(self, other: "Interval") -> bool:
        """Whether the two intervals do not touch."""
        return self.high < other.low or other.high < self.low


def ratio(above: Sequence[float], below: Sequence[float], groups: Sequence[str]) -> Interval:
    """The sum of `above` over the sum of `below`, with a percentile bootstrap over `groups` (Efron 1979).

    What belongs together, such as the answers of one dialogue, has one group name, and is drawn together. A sum of
    nothing below counts as one.
    """
    names = {name: i for i, name in enumerate(dict.fromkeys(sorted(groups)))}
    sums = np.zeros((2, len(names)))
    for top, bottom, group in zip(above, below, groups, strict=True):
        sums[:, names[group]] += top, bottom
    picks = np.random.default_rng(0).integers(0, len(names), (_RESAMPLES, len(names)))
    drawn = sums[0][picks].sum(1) / _at_least_one(sums[1][picks].sum(1))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(float(sums[0].sum() / _at_least_one(sums[1].sum())), float(low), float(high))


def mean(values: Sequence[float], groups: Sequence[str] | None = None) -> Interval:
    """The mean, with a bootstrap over `groups`, else over the values themselves."""
    own = [str(i) for i in range(len(values))]
    return ratio(values, [1.0] * len(values), own if groups is None else groups)


def _at_least_one(sums: np.ndarray) -> np.ndarray:
    return np.where(sums == 0, 1.0, sums)
