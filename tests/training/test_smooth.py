"""Losses smoothed for the eye, as LLaMA-Factory draws them."""

import math
from itertools import pairwise

import pytest

from roleplay.training.smooth import smooth


def test_the_smoothed_losses_are_those_of_the_formula() -> None:
    """Five values keep 1.8 / (1 + e^-0.25) - 0.9 = 0.111918 of what is before each."""
    assert smooth([4.0, 2.0, 3.0, 1.0, 0.0]) == pytest.approx([4.0, 2.223836, 2.913134, 1.214114, 0.135881], abs=1e-6)


def test_the_more_values_the_more_of_the_past_is_kept() -> None:
    kept = [smooth([1.0] * (number - 1) + [0.0])[-1] for number in (2, 10, 100, 1000)]
    assert kept == pytest.approx([1.8 / (1 + math.exp(-0.05 * number)) - 0.9 for number in (2, 10, 100, 1000)])
    assert all(fewer < more for fewer, more in pairwise(kept))


@pytest.mark.parametrize("values", [[], [3.5], [2.0, 2.0, 2.0]])
def test_nothing_one_value_and_a_constant_stay_as_they_are(values: list[float]) -> None:
    assert smooth(values) == pytest.approx(values)


def test_the_first_value_is_never_changed_and_the_argument_is_left_alone() -> None:
    values = [5.0, 0.0, 9.0]
    assert smooth(values)[0] == 5.0
    assert values == [5.0, 0.0, 9.0]
