"""A step is shared among processes whole: no sample twice, none left out, siblings together, about equal work."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.dataset.tree import common_length, share_step
from tests.dataset.test_token_tree import SAMPLES

PREFIX = list(range(200))


def tails(number: int, length: int) -> list[list[int]]:
    """Samples that share a prefix of 200 tokens and nothing after it."""
    return [[*PREFIX, 1000 + i, *range(length - 1)] for i in range(number)]


def new_tokens(samples: list[list[int]]) -> int:
    """Tokens that a tree of the samples, sorted, adds to what all of them begin with."""
    ordered = sorted(samples)
    shared = common_length(ordered[0], ordered[-1])
    lengths = len(ordered[0]) - shared
    return lengths + sum(len(b) - common_length(a, b) for a, b in pairwise(ordered))


@given(SAMPLES, st.integers(1, 6))
def test_every_sample_belongs_to_exactly_one_process(samples: list[list[int]], processes: int) -> None:
    groups = share_step(samples, processes)
    assert len(groups) == processes
    assert sorted(i for group in groups for i in group) == list(range(len(samples)))


@given(SAMPLES, st.integers(1, 6))
def test_siblings_stay_together(samples: list[list[int]], processes: int) -> None:
    """One group after the other is the sorted order: a process has neighbours in the tree."""
    dealt = [samples[i] for group in share_step(samples, processes) for i in group]
    assert dealt == sorted(samples)


@given(SAMPLES, st.integers(1, 6))
def test_no_process_has_more_than_its_share_and_a_sample(samples: list[list[int]], processes: int) -> None:
    groups = share_step(samples, processes)
    fair = new_tokens(samples) / processes
    longest = max(len(sample) for sample in samples)
    shared = common_length(min(samples), max(samples))
    for group in filter(None, groups):
        ordered = [samples[i] for i in group]
        added = sum(len(b) - common_length(a, b) for a, b in pairwise(ordered))
        assert added <= fair + longest - shared


@pytest.mark.parametrize("processes", [1, 2, 4, 8, 16])
def test_equal_samples_after_a_prefix_are_dealt_out_evenly(processes: int) -> None:
    groups = share_step(tails(16, 100), processes)
    assert [len(group) for group in groups] == [16 // processes] * processes


def test_two_processes_have_eight_of_sixteen_samples_each_though_the_prefix_is_long() -> None:
    assert share_step(tails(16, 100), 2) == [list(range(8)), list(range(8, 16))]


def test_long_samples_weigh_more_than_short_ones() -> None:
    samples = [[1, *range(90)], *([2, i, *range(8)] for i in range(9))]
    assert share_step(samples, 2) == [[0], list(range(1, 10))]


def test_identical_samples_are_one_piece_of_work() -> None:
    groups = share_step([[7, 8, 9]] * 4, 2)
    assert sorted(map(len, groups)) == [0, 4]


def test_with_fewer_samples_than_processes_some_get_none() -> None:
    groups = share_step(tails(2, 10), 5)
    assert len(groups) == 5
    assert sorted(map(len, groups)) == [0, 0, 0, 1, 1]
