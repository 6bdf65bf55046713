"""Manner of replies against counts by hand."""

import time
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.measures.copied import copied_runs
from roleplay.measures.manner import (
    SHORTEST,
    catchphrase_share,
    copied_share,
    length_ratio,
    longest_copied,
    stop_share,
)

LETTERS = "ab 好'"


def test_only_replies_that_end_by_themselves_have_stopped() -> None:
    share = stop_share(["end", "length", "end", "end", "cancelled"])
    assert share.value == pytest.approx(0.6)
    assert share.low < 0.6 < share.high


def test_answers_of_one_dialogue_are_resampled_together() -> None:
    stopped = ["end"] * 10 + ["length"] * 10
    one, each = stop_share(stopped, ["a"] * 10 + ["b"] * 10), stop_share(stopped)
    assert (one.low, one.high) == (0, 1)
    assert each.low > 0.2


def test_lengths_are_compared_over_all_replies() -> None:
    assert length_ratio(["好的", "", "abcd"], ["好", "好好好", "abcd"]).value == pytest.approx(6 / 8)
    assert length_ratio(["好的", "好"], ["", "好"], ["a", "a"]).value == pytest.approx(3)


def test_a_reply_counts_once_however_many_catchphrases_it_holds() -> None:
    replies = ["Good run. That's going in THE log.", "good run", "A bad one.", ""]
    assert catchphrase_share(replies, ["Good run", "That's going in the log"]).value == pytest.approx(0.5)
    assert catchphrase_share(replies, []).value == 0


def test_the_copied_share_counts_characters_of_long_runs_only() -> None:
    sources = ["灯塔的灯一直亮到天明。", "门不用关得那么小心"]
    text = "灯塔的灯一直亮到半夜，门不用关"
    assert copied_share(text, sources, 8) == pytest.approx(8 / 15)
    assert copied_share(text, sources, 4) == pytest.approx(12 / 15)
    assert copied_share(text, sources, SHORTEST["zh"]) == 0
    assert copied_share("", sources, 4) == 0


def test_the_longest_run_is_found_behind_one_that_overlaps_it() -> None:
    sources = ["甲乙丙丁戊己", "丙丁戊己庚辛壬癸"]
    assert longest_copied("甲乙丙丁戊己庚辛壬癸", sources) == 8
    assert longest_copied("Her lamp burns until the mornings are cold.", ["The lamp burns until the morning."]) == 22
    assert longest_copied("子丑", sources) == longest_copied("", sources) == longest_copied("子", []) == 0


@pytest.mark.parametrize("length", range(11))
def test_a_longest_run_of_any_length_is_found(length: int) -> None:
    text = "甲乙丙丁戊己庚辛壬癸"
    assert longest_copied(text, ["天地", f"天{text[10 - length :]}地"]) == length


@given(st.text(LETTERS, max_size=20), st.lists(st.text(LETTERS, max_size=20), max_size=4))
def test_no_run_is_longer_than_the_longest(text: str, sources: list[str]) -> None:
    longest = longest_copied(text, sources)
    assert not copied_runs(text, sources, longest + 1)
    assert longest == 0 or copied_runs(text, sources, longest)


@pytest.mark.soak
def test_a_hundred_replies_are_compared_with_thousands_of_lines_while_one_waits() -> None:
    lines = [
        "".join(Random(number).choices("你我他不是在有人这中大来上个国到说们为子", k=30)) for number in range(4100)
    ]
    sources, fresh = lines[:4000], lines[4000:]
    replies = [sources[number][:20] + text[:10] for number, text in enumerate(fresh)]
    began = time.process_time()
    assert all(20 / 30 <= copied_share(reply, sources, 10) < 1 for reply in replies)
    assert all(20 <= longest_copied(reply, sources) < 30 for reply in replies)
    assert time.process_time() - began < 4
