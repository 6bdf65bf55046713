"""Rewards that give every drawn reply the same."""

import math

import pytest

from roleplay.errors import RunError
from roleplay.preference.rewards.endings import stop
from roleplay.preference.rewards.reward import Reward
from roleplay.preference.rewards.spec import parse_reward
from roleplay.preference.rewards.telling import check_reward


def reward(text: str) -> Reward:
    """A reward of which only the terms matter."""
    terms = parse_reward(text)
    return Reward(terms, (stop,) * len(terms))


def test_a_reward_that_tells_replies_apart_is_let_pass() -> None:
    values = [{"stop": 1.0, "style": 0.25}, {"stop": 0.0, "style": 0.5}]
    assert check_reward(reward("stop + style"), values) == ()


def test_a_constant_reward_is_refused_with_what_its_terms_gave() -> None:
    with pytest.raises(RunError) as caught:
        check_reward(reward("ends(喵) + 2*stop"), [{"ends(喵)": 0.0, "stop": 1.0}] * 64)
    assert str(caught.value).startswith(
        "every one of 64 drawn replies got 0 of ends(喵) and 1 of stop: nothing can be learned; add a term"
    )


def test_a_constant_term_beside_others_is_a_warning() -> None:
    values = [{"ends(喵)": 0.0, "style": 0.25}, {"ends(喵)": 0.0, "style": 0.5}]
    assert check_reward(reward("ends(喵) + style"), values) == (
        "every one of 2 drawn replies got 0 of ends(喵): it teaches nothing so far",
    )


def test_terms_that_cancel_out_are_refused() -> None:
    values = [{"style": 0.25, "varied": 0.25}, {"style": 0.5, "varied": 0.5}]
    with pytest.raises(RunError, match=r"no two of 2 drawn replies differ in what they got \(0.25 to 0.5 of style"):
        check_reward(reward("style - varied"), values)


def test_replies_are_held_against_those_to_the_same_prompt() -> None:
    values = [{"style": 0.25, "stop": 1.0}, {"style": 0.25, "stop": 0.0}, {"style": 0.5, "stop": 1.0}]
    assert check_reward(reward("style + stop"), values, ["a", "a", "b"]) == (
        "no two of 3 drawn replies to one prompt differ in what they got (0.25 to 0.5 of style): "
        "it teaches nothing so far",
    )
    with pytest.raises(RunError, match="no two of 2 drawn replies to one prompt differ"):
        check_reward(reward("style + stop"), values[::2], ["a", "b"])


def test_sums_that_differ_by_rounding_alone_are_equal() -> None:
    values = [{"style": 0.1, "varied": 0.2}, {"style": 0.3, "varied": 0.0}]
    with pytest.raises(RunError, match="nothing can be learned"):
        check_reward(reward("style + varied"), values)


def test_replies_that_a_term_does_not_judge_are_no_difference() -> None:
    nothing = math.nan
    values = [{"refuses": nothing, "style": 0.2}, {"refuses": 0.0, "style": 0.3}, {"refuses": nothing, "style": 0.3}]
    assert check_reward(reward("refuses + style"), values) == (
        "every one of 3 drawn replies got 0 of refuses: it teaches nothing so far",
    )
    both = [{"refuses": worth, "style": 0.2} for worth in (nothing, 0.0, 1.0)]
    assert check_reward(reward("refuses - 0.5*style"), both) == (
        "every one of 3 drawn replies got 0.2 of style: it teaches nothing so far",
    )
    with pytest.raises(RunError, match="every one of 2 drawn replies got nothing of refuses"):
        check_reward(reward("refuses"), [{"refuses": nothing}] * 2)


def test_a_sample_of_one_or_none_tells_nothing_apart() -> None:
    for count in (0, 1):
        with pytest.raises(RunError, match=f"every one of {count} drawn replies"):
            check_reward(reward("stop"), [{"stop": 1.0}] * count)
