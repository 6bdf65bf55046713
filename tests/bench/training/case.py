"""One table of the benchmark: which model, which samples, which number format."""

from dataclasses import dataclass

import numpy as np

from roleplay.dataset.sample import Sample
from roleplay.dataset.tree import TokenTree, tree_of

SAMPLES_A_STEP = 16
ROWS_A_PASS = 4
_REST = (100, 117)
_SPECIAL = 16
"""Ids below are special tokens of the tokenizer."""


@dataclass(frozen=True)
class Case:
    """What all contenders are given."""

    model: str
    """`reference`, `pocket` or `qwen05`."""
    dtype: str
    """`float32` or `bfloat16`."""
    prefix: int
    """Tokens of a persona prefix."""
    openings: str
    """`one` prefix for all; `two` prefixes, eight samples each; `turns`: four dialogues of three turns under one
    prefix, each sample an answer of one of them, so that samples share openings of several turns."""
    rank: int
    """Of the LoRA on q, k and v."""
    threads: int
    """Of torch."""
    vocabulary: int
    """Token ids are drawn below this."""

    @property
    def title(self) -> str:
        """As a heading."""
        shared = {"one": "one prefix", "two": "two prefixes", "turns": "one prefix, shared turns"}[self.openings]
        return f"{self.model}, {self.dtype}, {shared} of {self.prefix} tokens"


def samples_of(case: Case, steps: int) -> list[Sample]:
    """Samples of so many optimizer steps, one after the other; random ids, always the same for a case.

    Each has a prefix of `case.prefix` tokens and a rest of 100 to 116, the last two thirds of which are trained.
    """
    draw = np.random.default_rng(7)

    def ids(count: int) -> list[int]:
        return [int(i) for i in draw.integers(_SPECIAL, case.vocabulary, count)]

    prefixes = [ids(case.prefix) for _ in range(2)]
    samples: list[Sample] = []
    for _ in range(steps):
        turns = [[ids(36) for _ in range(2)] for _ in range(4)]
        for i in range(SAMPLES_A_STEP):
            start = list(prefixes[i % 2 if case.openings == "two" else 0])
            if case.openings == "turns":
                # Dialogue i % 4: its samples continue none, one, both and both of its first two turns.
                start += [token for turn in turns[i % 4][: i // 4] for token in turn]
            rest = int(draw.integers(*_REST))
            begin = len(start) + rest // 3
            row = start + ids(rest)
            trained = tuple(t >= begin for t in range(len(row)))
            samples.append(Sample(tuple(row), trained, ((begin, len(row)),), rest))
    return samples


def visible_pairs(tree: TokenTree) -> int:
    """Pairs of a token and one that it attends to, itself included."""
    return int((tree.position + 1).sum())


def step_tree(case: Case) -> TokenTree:
    """The tree of the first step."""
    return tree_of(samples_of(case, 1))
