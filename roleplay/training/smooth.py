"""A curve without its noise, as LLaMA-Factory smooths losses."""

import math
from collections.abc import Sequence


def smooth(values: Sequence[float]) -> list[float]:
    """Exponential moving averages; the more values there are, the more of the past is kept (`smooth` in its
    `extras/ploting.py`)."""
    kept = 1.8 / (1 + math.exp(-0.05 * len(values))) - 0.9
    smoothed: list[float] = []
    for value in values:
        smoothed.append(kept * smoothed[-1] + (1 - kept) * value if smoothed else value)
    return smoothed
