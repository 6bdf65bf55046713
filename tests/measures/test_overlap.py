"""ROUGE-L against its definition."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.measures.overlap import rouge_l, units


def by_definition(one: list[str], other: list[str]) -> float:
    """F1 of the longest common subsequence, computed the slow way."""

    @cache
    def common(i: int, j: int) -> int:
        if i == len(one) or j == len(other):
            return 0
        if one[i] == other[j]:
            return 1 + common(i + 1, j + 1)
        return max(common(i + 1, j), common(i, j + 1))

    return 2 * common(0, 0) / (len(one) + len(other)) if one or other else 1.0


@given(st.text("abc 好", max_size=12), st.text("abc 好", max_size=12), st.sampled_from(["zh", "en"]))
def test_rouge_l_is_the_longest_common_subsequence_against_both_lengths(one: str, other: str, language: str) -> None:
    assert rouge_l(one, other, language) == pytest.approx(by_definition(units(one, language), units(other, language)))


def test_chinese_is_compared_by_characters_and_english_by_words_without_case() -> None:
    assert rouge_l("我在这里。", "我在那里。", "zh-Hans") == pytest.approx(0.8)
    assert rouge_l("Good  evening", "good Evening", "en") == 1
    assert rouge_l("abcd", "abce", "en") == 0


def test_an_empty_reply_shares_nothing() -> None:
    assert rouge_l("", "Something.", "en") == 0
    assert rouge_l("", "", "zh") == 1
