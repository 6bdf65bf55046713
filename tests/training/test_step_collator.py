"""However a step is shared among processes and split into passes, its loss and gradient are those of the whole step."""

from typing import Any

import numpy as np
import pytest
import torch
from peft import PeftModel
from transformers import PreTrainedTokenizerFast

from roleplay.dataset.sample import Sample, sample_with
from roleplay.dataset.tree import TokenTree
from roleplay.models.adapter import attach_new
from roleplay.models.tree_plan import GROUPED
from roleplay.training import batching  # noqa: F401  registers the attention over trees
from roleplay.training.steps import Collator, Step, pass_losses
from tests.tiny import tiny_llama

PREFIX = tuple(range(10, 40))


def sample(*tail: int, prefix: tuple[int, ...] = PREFIX) -> Sample:
    """A sample whose `tail` after the prefix is trained."""
    ids = (*prefix, *tail)
    return sample_with(ids, [(len(prefix), len(ids))], len(tail))


SAMPLES = [
    sample(50, 51, 52),
    sample(50, 51, 60, 61, 62, 63),
    sample(70, 71),
    sample(50, 51, 52),
    sample(80, 81, 82, 83, 84, 85, 86, 87),
    sample(9, 8, prefix=(1, 2, 3)),
    sample(90),
]
"""A shared prefix, a sample twice, one that shares nothing."""


@pytest.fixture(scope="module")
def tuned(chatml_tokenizer: PreTrainedTokenizerFast) -> PeftModel:
    """A tiny llama with an adapter that has learned something already, so that every weight has a gradient."""
    torch.manual_seed(0)
    model, _ = attach_new(tiny_llama(chatml_tokenizer), rank=4, alpha=8, dropout=0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.3)
    return model.train()


@pytest.fixture(params=["tree", "padded"])
def tree(request: pytest.FixtureRequest, tuned: PeftModel) -> bool:
    """Whether samples share what they begin with; the model attends accordingly."""
    tuned.set_attn_implementation(GROUPED if request.param == "tree" else "eager")
    return bool(request.param == "tree")


def collator(tree: bool, **changes: Any) -> Collator:
    return Collator(**{"tree": tree, "rows": 3, "limit": None, "pad": 0} | changes)


def step_of(collate: Collator, samples: list[Sample]) -> Step:
    step: Step = collate(samples)["step"]
    return step


def computed(tuned: PeftModel, steps: list[Step]) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss and gradients of what all processes do, added up."""
    tuned.zero_grad(set_to_none=True)
    total = 0.0
    for step in steps:
        for part in step.passes:
            loss = pass_losses(tuned, part).sum() / step.trained_tokens
            loss.backward()
            total += loss.item()
    gradients = {name: weight.grad for name, weight in tuned.named_parameters() if weight.requires_grad}
    assert all(part is not None for part in gradients.values())
    return total, {name: part.clone() for name, part in gradients.items()}


def assert_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    """Relative difference of at most 1e-5, over all weights."""
    both = [torch.cat([part.flatten() for _, part in sorted(parts.items())]) for parts in (one, other)]
    assert both[0].norm() > 1e-3
    assert (both[0] - both[1]).norm() <= 1e-5 * both[0].norm()


@pytest.mark.parametrize("limit", [None, 40, 16])
@pytest.mark.parametrize("processes", [1, 2, 3])
def test_the_processes_of_a_step_add_up_to_the_step(
    tuned: PeftModel, tree: bool, processes: int, limit: int | None
) -> None:
    whole, gradients = computed(tuned, [step_of(collator(tree, rows=len(SAMPLES)), SAMPLES)])
    shares = [step_of(collator(tree, limit=limit, process=i, processes=processes), SAMPLES) for i in range(processes)]
    loss, summed = computed(tuned, shares)
    assert loss == pytest.approx(whole, rel=1e-6)
    assert_same(gradients, summed)


def test_trees_and_padded_rows_are_the_same_step(tuned: PeftModel) -> None:
    found = []
    for tree in (True, False):
        tuned.set_attn_implementation(GROUPED if tree else "eager")
        found.append(computed(tuned, [step_of(collator(tree), SAMPLES)]))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-6)
    assert_same(found[0][1], found[1][1])


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_every_process_divides_by_the_tokens_of_the_whole_step(tree: bool, processes: int) -> None:
    for i in range(processes):
        step = step_of(collator(tree, process=i, processes=processes), SAMPLES)
        assert step.trained_tokens == 3 + 6 + 2 + 3 + 8 + 2 + 1
        assert step.samples == 7
        assert step.tokens == sum(len(sample.ids) for sample in SAMPLES)


def test_a_limit_splits_a_tree_into_passes_of_at_most_so_many_tokens(tuned: PeftModel) -> None:
    passes = step_of(collator(True, limit=40), SAMPLES).passes
    assert len(passes) > 1
    assert all(isinstance(part, TokenTree) and len(part.ids) <= 40 for part in passes)
    assert len(step_of(collator(True), SAMPLES).passes) == 1


def test_padded_passes_have_at_most_so_many_rows() -> None:
    passes = step_of(collator(False, rows=3), SAMPLES).passes
    assert [len(part["input_ids"]) for part in passes if isinstance(part, dict)] == [3, 3, 1]


def test_a_process_without_a_sample_computes_one_that_weighs_nothing(tuned: PeftModel, tree: bool) -> None:
    steps = [step_of(collator(tree, process=i, processes=3), SAMPLES[:1]) for i in range(3)]
    idle = [step for step in steps if computed(tuned, [step])[0] == 0]
    assert len(idle) == 2
    for step in idle:
        loss, gradients = computed(tuned, [step])
        assert len(step.passes) == 1
        assert loss == 0
        assert all(not np.any(part.numpy()) for part in gradients.values())
        assert step.trained_tokens == 3


def test_the_batch_names_no_labels() -> None:
    """Trainer counts those of a key `labels` and divides by them once more."""
    assert collator(True)(SAMPLES).keys() == {"step"}
