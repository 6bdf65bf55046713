"""The samples of one optimizer step as one tree of tokens: what several samples share is computed once.

Sequences that begin alike share the nodes of their common beginning. In depth-first order a tree is described by one
vector: `end[k]` is the first index after the subtree of node `k`, so node q may attend to node k where k <= q < end[k].

    a b c d        depth-first   a b c d x y
    a b x y        position      0 1 2 3 2 3
                   end           6 6 4 4 6 6
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roleplay.dataset.sample import Sample

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class TokenTree:
    """T tokens in depth-first order, and the L places where something is to be predicted."""

    ids: Indices
    """Token ids, (T,)."""
    position: Indices
    """Depth: the position of the token in each sample that holds it, (T,)."""
    end: Indices
    """First index after the token's subtree, (T,)."""
    last: Indices
    """Index of the last token of each sample, in the order given, (N,)."""
    predicts: Indices
    """Index of the token whose hidden state predicts a label, ascending, (L,)."""
    labels: Indices
    """Token id to predict there, (L,)."""
    times: Indices
    """How many samples train that prediction, (L,)."""


@dataclass(frozen=True)
class Segments:
    """S unbranched runs of a tree, in depth-first order."""

    start: Indices
    """Index of the first token, (S,)."""
    stop: Indices
    """Index after the last token, (S,)."""
    parent: Indices
    """Segment that the run continues, -1 for none, (S,)."""


def build_tree(sequences: Sequence[Sequence[int]], trained: Sequence[Sequence[bool]]) -> TokenTree:
    """Token ids of N samples, and which of them are trained, as one tree. Raises ValueError for an empty sample.

    A sample's first token is never predicted: nothing comes before it.
    """
    ids: list[int] = []
    position: list[int] = []
    end: list[int] = []
    last = [0] * len(sequences)
    times: dict[int, int] = {}
    parent: dict[int, int] = {}
    path: list[int] = []
    former: Sequence[int] = ()
    for i in sorted(range(len(sequences)), key=lambda i: tuple(sequences[i])):
        sequence = sequences[i]
        if not len(sequence):
            raise ValueError(f"sample {i} is empty; leave it out")
        shared = common_length(former, sequence)
        for node in path[shared:]:
            end[node] = len(ids)
        del path[shared:]
        for token in sequence[len(path) :]:
            node = len(ids)
            if path:
                parent[node] = path[-1]
            ids.append(int(token))
            position.append(len(path))
            end.append(-1)
            path.append(node)
        for node, is_trained in zip(path[1:], trained[i][1:], strict=True):
            if is_trained:
                times[node] = times.get(node, 0) + 1
        last[i] = path[-1]
        former = sequence
    for node in path:
        end[node] = len(ids)
    nodes = sorted(times, key=lambda node: (parent[node], node))
    return TokenTree(
        ids=_array(ids),
        position=_array(position),
        end=_array(end),
        last=_array(last),
        predicts=_array([parent[node] for node in nodes]),
        labels=_array([ids[node] for node in nodes]),
        times=_array([times[node] for node in nodes]),
    )


def tree_of(samples: Sequence[Sample]) -> TokenTree:
    """Rendered samples as one tree."""
    return build_tree([sample.ids for sample in samples], [sample.trained for sample in samples])


def common_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def sample_of(tree: TokenTree, i: int) -> Indices:
    """Token ids of sample `i`: the way from the root to its last token."""
    last = int(tree.last[i])
    return tree.ids[: last + 1][tree.end[: last + 1] > last]


def find_segments(tree: TokenTree) -> Segments:
    """Cut the tree after each token that several others follow; a sample that ends on the way cuts nothing."""
    follows = (np.diff(tree.position) == 1) & (np.diff(tree.end) == 0)
    start = np.flatnonzero(np.concatenate(([True], ~follows)))
    stop = np.append(start[1:], len(tree.ids))
    parent = np.full(len(start), -1)
    above: list[int] = []
    for k, first in enumerate(start):
        while above and tree.end[start[above[-1]]] <= first:
            above.pop()
        parent[k] = above[-1] if above else -1
        above.append(k)
    return Segments(start, stop, parent)


def split_step(sequences: Sequence[Sequence[int]], limit: int) -> list[list[int]]:
    """Samples of a step, by index, in groups whose trees have at most `limit` tokens; siblings stay together.

    A sample that alone is longer than `limit` is a group of its own.
    """
    groups: list[list[int]] = []
    tokens, former = 0, sequences[0]
    for i in sorted(range(len(sequences)), key=lambda i: tuple(sequences[i])):
        new = len(sequences[i]) - (common_length(former, sequences[i]) if groups else 0)
        if not groups or tokens + new > limit:
            groups.append([])
            tokens, new = 0, len(sequences[i])
        groups[-1].append(i)
        tokens, former = tokens + new, sequences[i]
    return groups


def share_step(sequences: Sequence[Sequence[int]], processes: int) -> list[list[int]]:
    """Samples of a step, by index, in a group for each process: siblings together, of about as many new tokens each.

    A group may be empty.
    """
    groups: list[list[int]] = [[] for _ in range(processes)]
    order = sorted(range(len(sequences)), key=lambda i: tuple(sequences[i]))
    # What all begin with every process computes; of the rest, a sample belongs where the middle of what it adds lies.
    former = sequences[order[0]][: common_length(sequences[order[0]], sequences[order[-1]])]
    added: list[int] = []
    for i in order:
        added.append(len(sequences[i]) - common_length(former, sequences[i]))
        former = sequences[i]
    middle = np.cumsum(added) - np.asarray(added) / 2
    for i, place in zip(order, middle * processes / max(1, sum(added)), strict=True):
        groups[min(int(place), processes - 1)].append(i)
    return groups


def _array(values: Sequence[int]) -> Indices:
    return np.asarray(values, dtype=np.int64)
