"""Where lanes stand between other speakers' lines and the character's own."""

import pytest

from roleplay.evaluation.figures.style import placed
from roleplay.evaluation.report import Measure
from roleplay.measures.interval import Interval


def test_each_lane_stands_between_floor_and_ceiling_or_beyond() -> None:
    lanes = {lane: Interval(value, 0, 1) for lane, value in (("base", 0.1), ("base+prefix", 0.2), ("persona", 0.7))}
    references = {"ceiling": 0.7, "floor": 0.2}
    measure = Measure("style", "style", "sounds like Mira (en)", "higher", lanes, references=references)

    found = placed(measure)

    assert {lane: place.value for lane, place in found.items()} == pytest.approx(
        {"base": -0.2, "base+prefix": 0, "persona": 1}
    )
    assert (found["base"].low, found["base"].high) == pytest.approx((-0.4, 1.6))
