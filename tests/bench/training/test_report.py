"""What the benchmark says of its contenders is so."""

import pytest
import torch
from transformers import LlamaConfig

from roleplay.dataset.tree import build_tree
from tests.bench.training.case import SAMPLES_A_STEP, Case, samples_of, step_tree, visible_pairs
from tests.bench.training.race import Outcome
from tests.bench.training.report import different_losses, flops_of, lines_of, result_of

CASE = Case("reference", "float32", 64, "one", 8, 2, 8192)
CONFIG = LlamaConfig(
    vocab_size=100, hidden_size=8, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, head_dim=4
)
GRADIENT = torch.tensor([3.0, 4.0])


def outcome(name: str, loss: float = 2.0, gradient: torch.Tensor = GRADIENT, seconds: float = 1.0) -> Outcome:
    return Outcome(name, seconds=[seconds] * 3, peak=1, added=1, loss=loss, gradient=gradient)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (outcome("trl"), None),
        (outcome("trl", loss=2.001), "loss 2.001000"),
        (outcome("trl", gradient=GRADIENT * 1.01), "its gradient differs by 1.0e-02"),
    ],
)
def test_a_contender_with_another_loss_is_named(other: Outcome, says: str | None) -> None:
    found = different_losses(CASE, [outcome("padded"), other])
    assert len(found) == (says is not None)
    assert says is None or (says in found[0] and found[0].startswith("TRL"))


def test_products_and_visible_pairs_are_counted_by_distinct_tokens() -> None:
    tree = build_tree([[1, 2, 3], [1, 2, 4]], [[False, False, True]] * 2)
    layer = 4 * 8 * 8 + 3 * 8 * 16
    assert visible_pairs(tree) == 1 + 2 + 3 + 3
    assert flops_of(tree, CONFIG).products == 4 * (2 * layer * 4 + 100 * 8)
    assert flops_of(tree, CONFIG).attention == 12 * 2 * 8 * 9


@pytest.mark.parametrize("openings", ["one", "two", "turns"])
def test_samples_are_the_same_each_time_and_share_what_the_case_says(openings: str) -> None:
    case = Case("reference", "float32", 20, openings, 8, 2, 8192)
    samples = samples_of(case, 2)
    assert samples == samples_of(case, 2)
    assert len({sample.ids[:20] for sample in samples}) == (2 if openings == "two" else 1)
    shared = sum(len(sample.ids) for sample in samples[:SAMPLES_A_STEP]) - len(step_tree(case).ids)
    assert shared == {"one": 15 * 20, "two": 14 * 20, "turns": 15 * 20 + 4 * 108}[openings]


def test_the_table_gives_ratios_round_by_round() -> None:
    tree = outcome("tree")
    tree.seconds = [1.0, 2.0, 4.0]
    rival = outcome("trl")
    rival.seconds = [2.0, 6.0, 8.0]
    result = result_of(CASE, [tree, outcome("padded"), rival], CONFIG)
    assert result["contenders"]["tree"]["against_trl"] == 2.0
    assert result["contenders"]["tree"]["samples_a_second"] == SAMPLES_A_STEP / 2
    assert "  trees against TRL: bar 1.9, goal 2.2" in lines_of(result)
