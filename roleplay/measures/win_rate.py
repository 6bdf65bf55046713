"""How often one side was preferred, and how far that can be trusted."""

import math
from dataclasses import dataclass
from statistics import NormalDist

_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class WinRate:
    """A share of decided choices with its 95 % Wilson score interval."""

    value: float
    """Share that was won, 0 to 1."""
    low: float
    """Lower end."""
    high: float
    """Upper end."""


def win_rate(won: int, lost: int) -> WinRate | None:
    """The share of `won` in both; `None` where nothing was decided. Ties belong to neither.

    The score interval (Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953) stays within 0 and 1, and is fair
    for a few choices and for shares near the ends.
    """
    n = won + lost
    if not n:
        return None
    share, spread = won / n, _Z * _Z / n
    middle = (share + spread / 2) / (1 + spread)
    half = _Z * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return WinRate(share, max(middle - half, 0.0), min(middle + half, 1.0))
