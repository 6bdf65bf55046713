"""Differences of two figures over the same prompts."""

import random

import pytest

from roleplay.evaluation.against.paired import FEWEST, Item, difference, figure_of


def items(values: list[float], per_group: int = 1) -> dict[str, Item]:
    return {f"prompt {at}": Item(value, 1, f"group {at // per_group}") for at, value in enumerate(values)}


def test_a_difference_is_that_of_the_two_figures() -> None:
    before = {f"p{at}": Item(at, 2 + at, f"g{at}") for at in range(8)}
    after = {f"p{at}": Item(2 * at, 1 + at, f"g{at}") for at in range(8)}

    found = difference(before, after)

    assert found is not None
    assert found.value == pytest.approx(figure_of(after).value - figure_of(before).value)
    assert found.low < found.value < found.high


def test_hard_prompts_are_no_noise_for_a_difference() -> None:
    draw = random.Random(0)
    before = [draw.gauss(0, 10) for _ in range(40)]
    found = difference(items(before), items([value + 1 for value in before]))

    assert found is not None
    assert (found.low, found.high) == pytest.approx((1, 1))
    assert figure_of(items(before)).high - figure_of(items(before)).low > 3


def test_what_belongs_together_is_drawn_together() -> None:
    values = [float(at % 20 < 10) for at in range(200)]
    nothing = items([0.0] * 200)

    alone = difference(nothing, items(values))
    groups = difference(items([0.0] * 200, 10), items(values, 10))

    assert alone is not None
    assert groups is not None
    assert groups.high - groups.low > 2 * (alone.high - alone.low)


def test_the_same_items_give_the_same_interval_in_any_order() -> None:
    before, after = items([1.0, 5, 2, 8, 3, 9, 4]), items([2.0, 5, 1, 9, 9, 9, 1])
    turned = dict(reversed(after.items()))

    assert difference(before, after) == difference(before, after) == difference(before, turned)


def test_other_prompts_or_too_few_groups_have_no_difference() -> None:
    enough, few = items([1.0] * FEWEST), items([1.0] * (FEWEST - 1))

    assert difference(enough, enough) is not None
    assert difference(few, few) is None
    assert difference(enough, few) is None
    assert difference({}, {}) is None


def test_a_sum_of_nothing_below_counts_as_one() -> None:
    nothing = {f"p{at}": Item(0, 0, f"g{at}") for at in range(FEWEST)}
    some = {f"p{at}": Item(3, 2, f"g{at}") for at in range(FEWEST)}

    more, less = difference(nothing, some), difference(some, nothing)

    assert more is not None
    assert less is not None
    assert (more.value, less.value) == (1.5, -1.5)
