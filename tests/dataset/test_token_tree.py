"""Token trees give back every sample and compute nothing twice, whatever the samples share."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.dataset.tree import build_tree, common_length, find_segments, sample_of, split_step

SAMPLES = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=9), min_size=1, max_size=8)
"""Three tokens: duplicates, shared openings and samples that begin another one are common."""


def all_trained(samples: list[list[int]]) -> list[list[bool]]:
    return [[True] * len(sample) for sample in samples]


def ancestors(tree_end: np.ndarray, q: int) -> list[int]:
    """The tokens that token `q` attends to."""
    return [k for k in range(q + 1) if q < tree_end[k]]


@given(SAMPLES)
def test_every_sample_comes_back_and_each_token_in_its_context_is_there_once(samples: list[list[int]]) -> None:
    tree = build_tree(samples, all_trained(samples))
    assert [sample_of(tree, i).tolist() for i in range(len(samples))] == samples
    assert len(tree.ids) == len({tuple(sample[: t + 1]) for sample in samples for t in range(len(sample))})


@given(SAMPLES)
def test_what_a_token_attends_to_is_its_context_in_order(samples: list[list[int]]) -> None:
    tree = build_tree(samples, all_trained(samples))
    contexts = set()
    for q in range(len(tree.ids)):
        seen = ancestors(tree.end, q)
        assert [int(tree.position[k]) for k in seen] == list(range(len(seen)))
        contexts.add(tuple(tree.ids[seen].tolist()))
    assert contexts == {tuple(sample[: t + 1]) for sample in samples for t in range(len(sample))}


@given(SAMPLES, st.data())
def test_predictions_are_those_of_the_samples_with_their_number(samples: list[list[int]], data: st.DataObject) -> None:
    flags = [data.draw(st.lists(st.booleans(), min_size=len(s), max_size=len(s))) for s in samples]
    tree = build_tree(samples, flags)
    wanted = Counter(
        (tuple(sample[:t]), sample[t])
        for sample, trained in zip(samples, flags, strict=True)
        for t in range(1, len(sample))
        if trained[t]
    )
    found = {
        (tuple(tree.ids[ancestors(tree.end, int(at))].tolist()), int(label)): int(times)
        for at, label, times in zip(tree.predicts, tree.labels, tree.times, strict=True)
    }
    assert found == dict(wanted)
    assert len(found) == len(tree.predicts)
    assert np.all(np.diff(tree.predicts) >= 0)


@given(SAMPLES)
def test_segments_are_the_unbranched_runs(samples: list[list[int]]) -> None:
    tree = build_tree(samples, all_trained(samples))
    runs = find_segments(tree)
    assert runs.start[0] == 0
    assert runs.stop[-1] == len(tree.ids)
    assert np.array_equal(runs.start[1:], runs.stop[:-1])
    children = Counter(ancestors(tree.end, q)[-2] if tree.position[q] else -1 for q in range(len(tree.ids)))
    for k, (start, stop) in enumerate(zip(runs.start, runs.stop, strict=True)):
        assert all(children[i] == 1 for i in range(start, stop - 1))
        assert children[int(stop) - 1] != 1
        above, parent = [], int(runs.parent[k])
        while parent >= 0:
            above = [*range(runs.start[parent], runs.stop[parent]), *above]
            parent = int(runs.parent[parent])
        assert ancestors(tree.end, int(start))[:-1] == above


@given(SAMPLES, st.integers(1, 30))
def test_a_split_step_keeps_every_sample_and_the_limit(samples: list[list[int]], limit: int) -> None:
    groups = split_step(samples, limit)
    assert sorted(i for group in groups for i in group) == list(range(len(samples)))
    for group in groups:
        chosen = [samples[i] for i in group]
        size = len(build_tree(chosen, all_trained(chosen)).ids)
        assert size <= limit or len({tuple(sample) for sample in chosen}) == 1
    assert len(split_step(samples, 1000)) == 1


def test_the_tree_of_the_page() -> None:
    samples = [[1, 2, 3, 4], [1, 2, 8, 9]]
    tree = build_tree(samples, all_trained(samples))
    assert tree.position.tolist() == [0, 1, 2, 3, 2, 3]
    assert tree.end.tolist() == [6, 6, 4, 4, 6, 6]


def test_an_empty_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="sample 1 is empty"):
        build_tree([[1], []], [[True], []])


def test_common_length_counts_tokens() -> None:
    assert common_length([1, 2, 3], [1, 2, 4]) == 2
    assert common_length([], [1]) == 0
    assert common_length([1], [1]) == 1
