"""Distinct-n against a plain definition."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.measures.diversity import distinct, unit_of


def by_definition(texts: list[list[str]], n: int) -> float:
    """Count every n-gram of every text, the slow way."""
    seen: list[list[str]] = []
    total = 0
    for text in texts:
        for start in range(len(text)):
            gram = text[start : start + n]
            if len(gram) < n:
                continue
            total += 1
            if gram not in seen:
                seen.append(gram)
    return len(seen) / total if total else 0.0


WORDS = st.lists(st.lists(st.sampled_from(["tea", "rain", "the", "log"]), max_size=6), max_size=5)
CHARACTERS = st.lists(st.lists(st.sampled_from("茶雨本子窗"), max_size=8), max_size=5)


@given(WORDS)
def test_english_is_counted_in_words(texts: list[list[str]]) -> None:
    written = [", ".join(text).capitalize() + "." for text in texts]
    assert distinct(written, "en") == pytest.approx([by_definition(texts, n) for n in (1, 2, 3)])


@given(CHARACTERS)
def test_chinese_is_counted_in_characters(texts: list[list[str]]) -> None:
    written = ["，".join(text) + "。" for text in texts]
    assert distinct(written, "zh") == pytest.approx([by_definition(texts, n) for n in (1, 2, 3)])


@given(CHARACTERS, st.randoms())
def test_the_order_of_texts_plays_no_part(texts: list[list[str]], random: Random) -> None:
    written = ["".join(text) for text in texts]
    shuffled = written[:]
    random.shuffle(shuffled)
    assert distinct(shuffled, "zh") == distinct(written, "zh")


def test_the_unit_is_named() -> None:
    assert (unit_of("en"), unit_of("zh"), unit_of("other")) == ("words", "characters", "characters")
    assert distinct(["That's going in the log.", "that’s not"], "en", (1,)) == (pytest.approx(7 / 7),)
    assert distinct(["a b a b"], "en", (1, 2)) == (pytest.approx(2 / 4), pytest.approx(2 / 3))
