"""How far a share of choices can be trusted."""

import pytest

from roleplay.measures.win_rate import win_rate


@pytest.mark.parametrize(
    ("won", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_intervals_are_those_of_newcombe(won: int, of: int, low: float, high: float) -> None:
    """Table I, method 3: https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E."""
    rate = win_rate(won, of - won)

    assert rate is not None
    assert (round(rate.low, 4), round(rate.high, 4)) == (low, high)
    assert rate.value == won / of


def test_sides_that_change_places_mirror_the_interval() -> None:
    one, other = win_rate(3, 9), win_rate(9, 3)

    assert one is not None
    assert other is not None
    assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low))


def test_nothing_decided_has_no_rate() -> None:
    assert win_rate(0, 0) is None
