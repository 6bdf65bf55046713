"""Copied runs against looking for every stretch of a text in every source."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.measures.copied import copied_runs

LETTERS = "ab 好'"


def ends_word(text: str, at: int) -> bool:
    return at in (0, len(text)) or not all(character in "ab'" for character in text[at - 1 : at + 1])


def by_definition(text: str, sources: list[str], shortest: int) -> list[tuple[int, int]]:
    """Every run, found the slow way."""
    runs, at = [], 0
    while at < len(text):
        ends = [
            end
            for end in range(at + shortest, len(text) + 1)
            if ends_word(text, at) and ends_word(text, end) and any(text[at:end] in source for source in sources)
        ]
        if ends:
            runs.append((at, max(ends)))
        at = max(ends, default=at + 1)
    return runs


@given(st.text(LETTERS, max_size=24), st.lists(st.text(LETTERS, max_size=24), max_size=4), st.integers(1, 7))
def test_runs_are_those_of_the_definition(text: str, sources: list[str], shortest: int) -> None:
    runs = copied_runs(text, sources, shortest)
    assert [run[:2] for run in runs] == by_definition(text, sources, shortest)
    for start, end, source in runs:
        assert text[start:end] in sources[source]


@given(st.lists(st.text(LETTERS, min_size=6, max_size=12), min_size=1, max_size=3), st.integers(1, 6))
def test_a_text_that_is_a_source_is_one_run(sources: list[str], shortest: int) -> None:
    assert copied_runs(sources[-1], sources, shortest) == [(0, len(sources[-1]), sources.index(sources[-1]))]


def test_a_run_neither_begins_nor_ends_within_a_word() -> None:
    source = "The lamp burns until the morning comes."
    assert copied_runs("Her lamp burns until the mornings are cold.", [source], 12) == [(3, 25, 0)]
    assert copied_runs("他说灯塔的灯一直亮到天明了吗", ["灯塔的灯一直亮到天明。"], 6) == [(2, 12, 0)]


def test_a_source_that_is_given_twice_is_named_by_its_first_place() -> None:
    assert copied_runs("one two three", ["else", "one two three", "one two three"], 5) == [(0, 13, 1)]


def test_an_empty_text_or_no_source_has_no_run() -> None:
    assert copied_runs("", ["words"], 3) == copied_runs("words", [], 3) == []


def test_a_run_has_at_least_one_character() -> None:
    with pytest.raises(ValueError, match="at least one"):
        copied_runs("a", ["a"], 0)


@pytest.mark.soak
def test_three_megabytes_are_searched_while_one_waits() -> None:
    draws = random.Random(3)
    words = ["".join(draws.choices("abcdefghijklmnopqrstuvwxyz", k=draws.randint(2, 9))) for _ in range(4000)]
    sources = [" ".join(draws.choices(words, k=30)) for _ in range(16_000)]
    text = " ".join([*draws.choices(words, k=250), sources[77], *draws.choices(words, k=30)])[:2000]
    began = time.perf_counter()
    assert any(source == 77 for *_, source in copied_runs(text, sources, 24))
    assert time.perf_counter() - began < 1
