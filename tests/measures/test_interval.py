"""Ratios of sums with their bootstrap intervals."""

import numpy as np
import pytest

from roleplay.measures.interval import Interval, mean, ratio


def test_the_value_is_the_ratio_of_the_sums_not_the_mean_of_ratios() -> None:
    assert ratio([1, 9], [1, 3], ["a", "b"]).value == 10 / 4


def test_an_interval_holds_the_value_and_shrinks_with_more_groups() -> None:
    values = list(np.random.default_rng(1).normal(5, 2, 400))

    few, many = mean(values[:40]), mean(values)

    assert few.low < few.value < few.high
    assert many.high - many.low < (few.high - few.low) / 2
    assert many.high - many.low == pytest.approx(2 * 1.96 * np.std(values) / 20, rel=0.1)


def test_what_belongs_together_is_drawn_together() -> None:
    """Forty equal answers of one dialogue are one observation, not forty."""
    values, groups = [0.0] * 40 + [1.0] * 40, ["a"] * 40 + ["b"] * 40

    assert mean(values, groups) == Interval(0.5, 0.0, 1.0)
    assert mean(values).high < 0.65


def test_the_order_does_not_matter() -> None:
    assert ratio([1, 2, 3], [4, 5, 7], ["x", "y", "z"]) == ratio([3, 1, 2], [7, 4, 5], ["z", "x", "y"])


def test_a_sum_of_nothing_below_counts_as_one() -> None:
    assert ratio([2.0], [0.0], ["a"]).value == 2.0


@pytest.mark.parametrize(
    ("one", "other", "apart"), [((1, 2), (3, 4), True), ((1, 3), (3, 4), False), ((5, 6), (1, 2), True)]
)
def test_intervals_are_apart_where_they_do_not_touch(
    one: tuple[float, float], other: tuple[float, float], apart: bool
) -> None:
    assert Interval(0, *one).apart_from(Interval(0, *other)) is apart
