"""Pairs that say the same as another one, or the opposite, are found and told as long as both are in the file."""

from itertools import product

import pytest

from roleplay.corpora.pairs import Pair, contradicted
from roleplay.corpora.review import Decision, flipped
from roleplay.dialogue import Turn
from roleplay.measures.near_pairs import likenesses

LONG = "灯塔的灯每天晚上八点准时亮起来，照着回港的船，从来没有熄过一次"
OTHER = "我不知道你在说什么，也许明天早上海雾散了以后再来问问别人"


def pair(question: str, better: str, worse: str, *before: Turn) -> Pair:
    return Pair((*before, Turn("user", question)), better, worse, "swipe")


LIT = pair("灯几点亮？", LONG, OTHER)
NEAR = pair("灯几点亮呢？", LONG + "。", OTHER)
ASKED_LATER = pair("灯几点亮？", LONG, OTHER, Turn("user", "你好"), Turn("assistant", "嗯"))
STRANGE = pair("Which soup?", "Leek, as every Friday.", "I have no idea at all.")


def flags(*pairs: Pair, decisions: tuple[Decision | None, ...] = ()) -> list[list[str]]:
    found = likenesses(pairs)
    states = decisions or (None,) * len(pairs)
    return [found.flags(at, states) for at in range(len(pairs))]


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (flipped(LIT), "contradicts"),
        (flipped(NEAR), "nearly contradicts"),
        (flipped(ASKED_LATER), "nearly contradicts"),
        (LIT, "is the same as"),
        (NEAR, "is nearly the same as"),
        (ASKED_LATER, "is nearly the same as"),
    ],
)
def test_both_of_two_pairs_are_flagged(other: Pair, what: str) -> None:
    assert flags(LIT, STRANGE, other) == [[f"{what} pair 3"], [], [f"{what} pair 1"]]


def test_short_pairs_are_compared_whichever_way_round_they_are() -> None:
    one, other = (
        pair("灯亮了吗？", "八点整准时亮起来了", "我不知道呀你去问谁"),
        pair("灯亮了吗", "我不知道呀你去问谁", "八点整准时亮起来了。"),
    )
    assert flags(one, other)[0] == ["nearly contradicts pair 2"]


def test_replies_that_are_nearly_the_same_are_flagged() -> None:
    assert flags(STRANGE, pair("灯呢？", LONG, LONG + "。")) == [[], ["its replies are nearly the same"]]


def test_a_dropped_pair_stands_in_nobodys_way() -> None:
    assert flags(LIT, flipped(LIT), decisions=("dropped", None)) == [[], []]
    assert flags(pair("灯呢？", LONG, LONG + "。"), decisions=("dropped",)) == [[]]


def test_a_flipped_pair_agrees_with_what_it_contradicted() -> None:
    assert flags(LIT, flipped(LIT), decisions=(None, "flipped"))[0] == ["is the same as pair 2"]
    assert flags(LIT, flipped(LIT), decisions=("flipped", "flipped"))[0] == ["contradicts pair 2"]
    assert flags(LIT, NEAR, decisions=("flipped", "kept"))[0] == ["nearly contradicts pair 2"]


def test_of_many_each_is_named_in_order() -> None:
    assert flags(LIT, flipped(LIT), NEAR)[0] == ["contradicts pair 2", "is nearly the same as pair 3"]


def test_contradictions_are_those_that_tuning_leaves_out() -> None:
    replies = ("Yes.", "No.", "Maybe so.")
    pairs = [
        pair(asked, one, other) for asked in ("A?", "B?") for one, other in product(replies, replies) if one != other
    ]
    pairs = pairs[:3] + pairs[5:9]
    found = likenesses(pairs)
    told = {
        one.identity
        for at, one in enumerate(pairs)
        if any(flag.startswith("contradicts") for flag in found.flags(at, [None] * len(pairs)))
    }
    assert told == contradicted(pairs) != set()
