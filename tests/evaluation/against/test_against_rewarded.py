"""What drawn replies are worth, by rewards that pass some of them or all."""

import math
from collections.abc import Sequence

import pytest

from roleplay.dialogue import Turn
from roleplay.evaluation.against.draws import Drawn
from roleplay.evaluation.against.rewarded import reward_figures, written
from roleplay.evaluation.asking import Reply
from roleplay.evaluation.prompts import Prompt
from roleplay.generation.lanes import LANES
from roleplay.preference.rewards.judged import Judge, Judged
from roleplay.preference.rewards.reward import Reward
from roleplay.preference.rewards.spec import Term, parse_reward


def drawn(texts: Sequence[str]) -> list[Drawn]:
    """A reply to each of as many questions."""
    lane = (LANES["persona+prefix"],)
    asked = [Prompt("heldout", (Turn("user", f"Question {at}?"),), "", f"g{at}", lane) for at in range(len(texts))]
    said = [Reply(f" {text} ", 3, "end") for text in texts]
    return [Drawn(prompt, 0, (1, 2), reply, (3,)) for prompt, reply in zip(asked, said, strict=True)]


def judge(passes: str) -> Judge:
    """Characters of a reply; nan for the one that is passed."""

    def worth(replies: Sequence[Judged]) -> list[float]:
        assert all((one.prompt_ids, one.reply_ids, one.stopped) == ((1, 2), (3,), True) for one in replies)
        return [math.nan if one.text == passes else float(len(one.text)) for one in replies]

    return worth


BEFORE, AFTER = drawn(["a", "bb", "ccc", "d", "e", "f", "?"]), drawn(["aa", "bbb", "cccc", "dd", "ee", "ff", "???"])


def test_the_mean_is_over_the_replies_that_are_judged() -> None:
    [figure] = reward_figures(
        Reward((Term("refuses", None, 2.0),), (judge("?"),)), BEFORE, AFTER[:6] + drawn("???????")[6:]
    )

    assert figure.before is not None
    assert figure.before.value == pytest.approx(2 * 9 / 6)
    assert figure.after.value == pytest.approx(2 * 15 / 6)
    assert figure.difference is not None
    assert (figure.difference.value, figure.difference.low) == pytest.approx((2, 2))


def test_a_reward_that_judges_nothing_has_no_figure() -> None:
    same = drawn(["?"] * 7)

    assert reward_figures(Reward((Term("refuses", None),), (judge("?"),)), same, same) == []


def test_one_of_several_terms_may_judge_nothing() -> None:
    same = drawn(["?"] * 7)
    reward = Reward((Term("stop", None), Term("refuses", None, -1.0)), (judge(""), judge("?")))

    assert [figure.name for figure in reward_figures(reward, same, same)] == ["reward", "reward stop"]


@pytest.mark.parametrize("text", ["stop", "2*stop - longer(30)", "-0.5*says(a) + stop", "ends(a + -b) - stop"])
def test_a_reward_is_written_as_it_can_be_stated(text: str) -> None:
    terms = parse_reward(text)

    assert written(terms) == text
    assert parse_reward(written(terms)) == terms
    assert written(()) == ""
