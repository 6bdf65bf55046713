"""The terms of a reward together: their sum, what may pass, and judges that fail."""

import math
from collections.abc import Callable, Sequence

import pytest

from roleplay.dialogue import Turn
from roleplay.errors import RunError, StorageError
from roleplay.preference.rewards.judged import Judge, Judged
from roleplay.preference.rewards.reward import Reward
from roleplay.preference.rewards.spec import Term

REPLIES = [Judged((Turn("user", "Well?"),), text, True) for text in ("a", "bb\x1b[31m", "ccc")]


def by_text(worth: Callable[[str], float]) -> Judge:
    """A judge of one text at a time."""
    return lambda judged: [worth(one.text) for one in judged]


def test_the_sum_is_weighted() -> None:
    reward = Reward(
        (Term("shorter", "2", 2.0), Term("stop", None, -0.5)), (by_text(len), by_text(lambda text: float(text == "a")))
    )
    found = reward(REPLIES[::2])
    assert found == [{"shorter(2)": 1, "stop": 1}, {"shorter(2)": 3, "stop": 0}]
    assert [reward.total(one) for one in found] == [1.5, 6]


def test_what_a_term_does_not_judge_counts_for_nothing() -> None:
    reward = Reward((Term("refuses", None, 3.0), Term("stop", None)), (by_text(lambda _: math.nan), by_text(len)))
    (found,) = reward(REPLIES[:1])
    assert math.isnan(found["refuses"])
    assert reward.total(found) == 1
    alone = Reward((Term("refuses", None),), (by_text(lambda _: math.nan),))
    assert math.isnan(alone.total(alone(REPLIES[:1])[0]))


def test_no_replies_are_worth_no_rows() -> None:
    assert Reward((Term("stop", None),), (by_text(len),))([]) == []


@pytest.mark.parametrize(
    ("term", "value"),
    [
        (Term("model", "taste"), math.nan),
        (Term("model", "taste"), math.inf),
        (Term("style", None), math.nan),
        (Term("refuses", None), -math.inf),
    ],
)
def test_a_worth_that_is_no_number_names_term_and_reply(term: Term, value: float) -> None:
    reward = Reward((term,), (by_text(lambda text: value if text.startswith("bb") else 1.0),))
    with pytest.raises(RunError) as caught:
        reward(REPLIES)
    assert f"the reward '{term.label}' gave {value} for the reply 'bb[31m', which is no finite number" in str(
        caught.value
    )
    assert "leave the term out" in str(caught.value)


def test_a_judge_that_fails_names_term_reply_and_reason() -> None:
    def worth(text: str) -> float:
        return 1 / (len(text) - 3)

    with pytest.raises(RunError, match=r"'style' failed at the reply 'ccc' \(ZeroDivisionError: .*\); leave the term"):
        Reward((Term("style", None),), (by_text(worth),))(REPLIES)


def test_a_judge_that_fails_at_all_replies_together_names_the_first() -> None:
    def judge(judged: Sequence[Judged]) -> list[float]:
        return [1.0] if len(judged) == 1 else [float("x")]

    with pytest.raises(RunError, match=r"failed at the reply 'a' \(ValueError: could not convert"):
        Reward((Term("style", None),), (judge,))(REPLIES)


def test_a_named_error_of_a_judge_stays_what_it_is() -> None:
    def judge(judged: Sequence[Judged]) -> list[float]:
        raise StorageError("the disk is full")

    with pytest.raises(StorageError, match="the disk is full"):
        Reward((Term("model", "taste"),), (judge,))(REPLIES)


def test_a_judge_that_counts_wrong_is_told() -> None:
    with pytest.raises(RunError, match="'style' gave 1 numbers for 3 replies"):
        Reward((Term("style", None),), (lambda judged: [1.0],))(REPLIES)
