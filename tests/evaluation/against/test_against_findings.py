"""What a comparison says: a gamed reward is caught, an earned one is not accused."""

from typing import Any

import pytest

from roleplay.evaluation.against.findings import (
    LENGTH,
    LENGTH_CHANGE,
    LOSS,
    VARIETY_LOSS,
    findings_of,
    lost,
    risen,
)
from tests.evaluation.against.figures import figure, point

ROSE = figure("reward", 0.31, 0.96)
FLAT = figure("reward", 0.31, 0.32)
STEADY = [figure("style", 0.8, 0.79), figure("stopped", 0.98, 1.0), figure("length", 1.0, 1.2)]


def varied(before: float, after: float) -> Any:
    return figure("distinct_2", before, after, before=point(before), after=point(after), difference=None)


def test_a_reward_that_rose_while_replies_decayed_was_gamed() -> None:
    figures = [ROSE, figure("style", 0.8, 0.79), varied(0.82, 0.11), figure("length", 1, 4, before=point(1))]

    [finding] = findings_of(figures)

    assert finding.level == "warning"
    assert finding.text == (
        "The reward 'shorter(40)' rose from 0.310 to 0.960 while 'distinct-2' fell from 0.820 to 0.110 and replies "
        "became 4.00 times as long: it was gamed, not earned; choose another checkpoint, a higher --beta or another "
        "--reward."
    )


def test_a_reward_that_rose_alone_was_earned() -> None:
    [finding] = findings_of([ROSE, *STEADY])

    assert finding.level == "good"
    assert "rose from 0.310 to 0.960, and nothing beside it fell clearly: sounds like Mira (en), end" in finding.text


def test_a_reward_with_nothing_beside_it_is_no_good_news() -> None:
    [finding] = findings_of([ROSE])

    assert (finding.level, "nobody can tell" in finding.text) == ("note", True)


@pytest.mark.parametrize("name", sorted(LOSS))
def test_every_watched_figure_tells_on_a_reward_from_its_threshold_on(name: str) -> None:
    worse = 1 if name in ("copied", "repeats", "retention_loss") else -1
    small, large = (figure(name, 0.5, 0.5 + worse * LOSS[name] * times, reach=0.01) for times in (0.9, 1.1))
    better = figure(name, 0.5, 0.5 - worse * LOSS[name] * 1.1, reach=0.01)

    assert "gamed" in findings_of([ROSE, large])[0].text
    for harmless in (small, better):
        assert not any("gamed" in one.text for one in findings_of([ROSE, harmless]))


def test_what_may_be_chance_is_no_loss() -> None:
    assert lost([figure("style", 0.8, 0.5, reach=0.29)])
    assert not lost([figure("style", 0.8, 0.5, reach=0.31)])
    assert not lost([figure("style", 0.8, 0.5, difference=None)])
    assert lost([figure("copied", 0.2, 0.5, reach=0.29)])
    assert not lost([figure("copied", 0.2, 0.5, reach=0.31)])
    assert not lost([figure("length", 1, 2.2, reach=0.3)])
    assert not lost([figure("length", 1, 0.4, reach=0.2)])


def test_variety_is_lost_when_a_share_of_it_is_gone() -> None:
    assert lost([varied(0.8, 0.8 * (1 - VARIETY_LOSS) - 0.001)])
    assert not lost([varied(0.8, 0.8 * (1 - VARIETY_LOSS) + 0.001)])


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (1.0, LENGTH * 1.1, ["replies became 2.20 times as long"]),
        (1.0, LENGTH * 0.9, []),
        (1.0, 0.9 / LENGTH, ["replies became 0.450 times as long"]),
        (1.0, 1.1 / LENGTH, []),
        (LENGTH * 1.1, LENGTH * 1.1 * LENGTH_CHANGE * 0.99, []),
        (LENGTH * 1.1, LENGTH * 1.1 * LENGTH_CHANGE * 1.01, ["replies became 1.51 times as long"]),
        (0.4, 0.4 / LENGTH_CHANGE * 1.01, []),
        (0.4, 0.4 / LENGTH_CHANGE * 0.99, ["replies became 0.660 times as long"]),
        (0.0, 3.0, ["replies became – times as long"]),
    ],
)
def test_length_is_lost_far_from_the_corpus_where_tuning_brought_it_there(
    before: float, after: float, told: list[str]
) -> None:
    assert lost([figure("length", before, after)]) == told


def test_a_reward_rose_only_where_its_interval_is_above_nothing() -> None:
    assert risen(figure("reward", 0.3, 0.4, reach=0.09))
    assert not risen(figure("reward", 0.3, 0.4, reach=0.11))
    assert not risen(figure("reward", 0.3, 0.4, difference=None))


def test_a_reward_that_fell_or_stayed_is_told() -> None:
    fell, stayed = (findings_of([one, figure("style", 0.5, 0.55)])[0] for one in (figure("reward", 1, 0.5), FLAT))

    assert (fell.level, "fell from 1.00 to 0.500: tuning went against it" in fell.text) == ("warning", True)
    assert stayed.level == "note"
    assert "did not clearly rise: from 0.310 to 0.320 (difference -0.0100 to 0.0300)" in stayed.text


def test_without_a_rising_reward_a_loss_is_told_for_what_it_is() -> None:
    for figures in ([figure("style", 0.8, 0.5)], [FLAT, figure("style", 0.8, 0.5)]):
        first = findings_of(figures)[0]

        assert first.level == "warning"
        assert first.text.startswith("Something was lost: 'sounds like Mira (en)' fell from 0.800 to 0.500; ")


def test_agreement_with_people_is_told_by_its_interval() -> None:
    better, same, worse = (findings_of([figure("pair_accuracy", 0.5, to), *STEADY]) for to in (0.75, 0.51, 0.3))

    assert [one.level for one in better] == ["good"]
    assert "rose from 50.0 % to 75.0 %, and nothing that is watched beside it was lost." in better[0].text
    assert "about as often as before" in same[0].text
    assert [one.text for one in worse if "agrees" in one.text or "as often" in one.text] == []
    assert "'held-out pairs in the right order' fell from 50.0 % to 30.0 %" in worse[0].text


def test_where_nothing_changed_that_is_all_there_is_to_say() -> None:
    same = [figure("style", 0.5, 0.5), figure("moved_reply", 0, 0, before=None, difference=None)]
    moved = [same[0], figure("moved_reply", 0, 0.2, before=None, difference=None)]

    assert [one.text[:16] for one in findings_of(same)] == ["Nothing changed:"]
    assert [one.text[:39] for one in findings_of(moved)] == ["No figure changed beyond chance: every "]


def test_too_few_questions_are_told_and_prove_nothing() -> None:
    reward, choice = (figure(name, 0.3, 0.9, difference=None) for name in ("reward", "pair_accuracy"))

    found = findings_of([reward, choice, figure("style", 0.8, 0.2, difference=None)])

    assert [one.level for one in found] == ["note", "note", "note"]
    assert "The reward 'shorter(40)' went from 0.300 to 0.900: fewer than 6 questions" in found[0].text
    assert "Held-out pairs in the right order went from 30.0 % to 90.0 %: fewer than 6 questions" in found[1].text
