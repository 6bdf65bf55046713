"""Where a pair comes from, in words."""

from dataclasses import replace

import pytest

from roleplay.corpora.pair_words import origin, sides
from roleplay.corpora.pairs import Pair, Provenance, Side
from roleplay.dialogue import Turn

BETTER = Side(7, "persona+prefix", ("who", "late"), "pocket@1", "mira/one@12", {"temperature": 0.7, "seed": 2**62})
PAIR = Pair((Turn("user", "Which?"),), "Leek.", "Soup.", "lane", provenance=Provenance(3, 1764273600.0, BETTER))


def test_the_origin_tells_what_was_chosen_from_and_where() -> None:
    assert origin(PAIR).startswith("lane: two lanes answered · chat 3 · 2025-11-2")
    assert origin(replace(PAIR, why="edit", provenance=Provenance())) == "edit: rewritten"


@pytest.mark.parametrize("when", [1e300, -1e17])
def test_a_time_that_no_calendar_has_is_left_out(when: float) -> None:
    assert origin(replace(PAIR, provenance=Provenance(3, when))) == "lane: two lanes answered · chat 3"


def test_what_both_sides_share_is_told_once() -> None:
    worse = replace(BETTER, turn=6, sampling={"temperature": 0.9, "top_p": 1})
    both, better, one = sides(replace(PAIR, provenance=Provenance(chosen=BETTER, rejected=worse)))
    assert both == "lane persona+prefix · prefixes who late · base pocket@1 · adapter mira/one@12"
    assert better == f"turn 7 · temperature 0.7 · seed {2**62}"
    assert one == "turn 6 · temperature 0.9 · top p 1"


def test_of_sides_that_nothing_is_known_of_nothing_is_told() -> None:
    assert sides(replace(PAIR, provenance=Provenance())) == ("", "", "")
