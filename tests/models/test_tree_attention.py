"""Loss and gradients over a tree are those of the samples one by one, on every kind of attention that is allowed it."""

import copy
from typing import Any
from unittest.mock import patch

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    Glm4Config,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    PretrainedConfig,
    Qwen2Config,
    Qwen3Config,
)

from roleplay.dataset.tree import build_tree
from roleplay.models import tree_plan
from roleplay.models.adapter import attach_new
from roleplay.models.tree_attention import TREE_ATTENTION, grouped_attention
from roleplay.models.tree_plan import Unfit, check_fit, plan_tree

VOCABULARY = 61
COMMON: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "bos_token_id": None,
    "eos_token_id": None,
}
GROUPED = COMMON | {"num_key_value_heads": 2}
CONFIGS: dict[str, PretrainedConfig] = {
    "llama": LlamaConfig(**GROUPED),
    "qwen2": Qwen2Config(**GROUPED),
    "qwen3": Qwen3Config(**GROUPED, head_dim=8),
    "mistral": MistralConfig(**GROUPED, sliding_window=64),
    "gemma3": Gemma3TextConfig(**GROUPED, head_dim=8, sliding_window=64, query_pre_attn_scalar=5),
    "phi3": Phi3Config(**GROUPED),
    "gpt2": GPT2Config(
        vocab_size=VOCABULARY,
        n_embd=32,
        n_layer=2,
        n_head=4,
        n_positions=128,
        resid_pdrop=0,
        embd_pdrop=0,
        attn_pdrop=0,
    ),
    "gpt_neox": GPTNeoXConfig(**COMMON),
    "glm4": Glm4Config(**GROUPED, head_dim=8),
}
# Two prefixes, a shared opening of several turns, a sample that begins another, one that comes twice, one alone.
A, B = [1, *range(10, 22)], [1, 10, 30, 31]
SAMPLES = [
    [*A, 5, 6, 7, 8, 9],
    [*A, 5, 6, 40, 41],
    [*A, 5, 6, 40, 41, 42, 43, 44, 45, 46, 47],
    [*A, 50],
    [*A, 50],
    [*B, 5, 6, 7],
    [*B, 51, 52, 53, 54, 55, 56, 57],
    [2, 3, 4],
]
TRAINED = [[t >= len(sample) - 3 or t % 5 == 4 for t in range(len(sample))] for sample in SAMPLES]


def tuned_model(config: PretrainedConfig) -> Any:
    """A random model with a random adapter; queries and keys are large, so that scaling, window and softcap matter."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = AutoModelForCausalLM.from_config(copy.deepcopy(config), dtype=torch.float32)
        tuned, targets = attach_new(model, rank=4, alpha=8, dropout=0)
        with torch.no_grad():
            for name, weight in tuned.named_parameters():
                if "lora_" in name:
                    weight.normal_(0, 0.2)
                elif weight.ndim == 2 and any(f".{target}." in name for target in targets.names):
                    weight.mul_(12)
    return tuned.train()


def gradients(tuned: Any, loss: torch.Tensor) -> torch.Tensor:
    """Of every adapter weight, as one vector."""
    tuned.zero_grad()
    loss.backward()
    return torch.cat([p.grad.flatten() for p in tuned.parameters() if p.requires_grad])


def one_by_one(tuned: Any) -> torch.Tensor:
    """Sum of the losses of all trained tokens, each sample in a pass of its own."""
    total = torch.zeros(())
    for sample, trained in zip(SAMPLES, TRAINED, strict=True):
        logits = tuned(input_ids=torch.tensor([sample]), use_cache=False).logits[0, :-1]
        losses = torch.nn.functional.cross_entropy(logits, torch.tensor(sample[1:]), reduction="none")
        total = total + losses[torch.tensor(trained[1:])].sum()
    return total


def over_the_tree(tuned: Any, attention: str) -> torch.Tensor:
    """The same sum from one pass over the tree."""
    tree = build_tree(SAMPLES, TRAINED)
    plan = plan_tree(tree)
    tuned.get_base_model().set_attn_implementation(attention)
    ids, position = (torch.from_numpy(part)[None] for part in (tree.ids, tree.position))
    logits = tuned(input_ids=ids, position_ids=position, tree=plan, use_cache=False).logits[0]
    assert plan.calls == 2
    predicts, labels, times = (torch.from_numpy(part) for part in (tree.predicts, tree.labels, tree.times))
    losses = torch.nn.functional.cross_entropy(logits[predicts], labels, reduction="none")
    return (losses * times).sum()


@pytest.mark.parametrize("attention", TREE_ATTENTION)
@pytest.mark.parametrize("kind", CONFIGS)
def test_loss_and_gradients_are_those_of_the_samples_one_by_one(kind: str, attention: str) -> None:
    tuned = tuned_model(CONFIGS[kind])
    wanted = one_by_one(tuned)
    wanted_gradients = gradients(tuned, wanted)
    found = over_the_tree(tuned, attention)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-6)
    difference = gradients(tuned, found) - wanted_gradients
    assert difference.norm() <= 1e-5 * wanted_gradients.norm()


def _naive(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, end: torch.Tensor, cap: float | None) -> Any:
    """Attention with the whole mask, in float64."""
    key, value = (part.repeat_interleave(query.shape[0] // key.shape[0], dim=0) for part in (key, value))
    scores = query @ key.transpose(1, 2) * 0.7
    scores = scores if cap is None else torch.tanh(scores / cap) * cap
    index = torch.arange(len(end))
    sees = (index[None] <= index[:, None]) & (index[:, None] < end[None])
    return scores.masked_fill(~sees, float("-inf")).softmax(-1) @ value


@given(
    st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=9), min_size=1, max_size=7),
    st.sampled_from([None, 0.8]),
    st.sampled_from([(2, 2), (6, 2), (3, 1)]),
    st.sampled_from([(256, 10_000), (2, 10_000), (3, 0)]),
)
def test_grouped_attention_is_attention_for_any_tree_in_any_blocks(
    samples: list[list[int]], cap: float | None, heads: tuple[int, int], sizes: tuple[int, int]
) -> None:
    with patch.multiple(tree_plan, _BLOCK=sizes[0], _FEW=sizes[1]):
        plan = plan_tree(build_tree(samples, [[True] * len(sample) for sample in samples]))
    generator = torch.Generator().manual_seed(1)
    parts = [
        torch.randn(count, len(plan.end), 4, dtype=torch.float64, generator=generator).requires_grad_()
        for count in (heads[0], heads[1], heads[1])
    ]
    wanted = _naive(*parts, plan.end, cap)
    pull = torch.randn(wanted.shape, dtype=torch.float64, generator=generator)
    wanted_gradients = torch.autograd.grad((wanted * pull).sum(), parts)
    module = torch.nn.Module()
    said, _ = grouped_attention(module, *(part[None] for part in parts), None, tree=plan, scaling=0.7, softcap=cap)
    found = said[0].transpose(0, 1)
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-6)
    for one, other in zip(torch.autograd.grad((found * pull).sum(), parts), wanted_gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_a_window_shorter_than_a_sample_and_dropout_are_refused() -> None:
    config = MistralConfig(**GROUPED, sliding_window=16)
    with pytest.raises(Unfit, match="23 tokens do not fit into its window of 16"):
        over_the_tree(tuned_model(config), "tree_grouped")
    with pytest.raises(Unfit, match="dropout"):
        over_the_tree(tuned_model(LlamaConfig(**GROUPED, attention_dropout=0.1)), "tree_grouped")


def _plan() -> tree_plan.TreePlan:
    return plan_tree(build_tree(SAMPLES, TRAINED))


def _parts(plan: tree_plan.TreePlan) -> list[torch.Tensor]:
    """Query, key and value, (1, 2, T, 8)."""
    generator = torch.Generator().manual_seed(2)
    return [torch.randn(1, 2, len(plan.end), 8, generator=generator) for _ in range(3)]


def test_under_autocast_parts_of_several_types_meet_in_one() -> None:
    plan = _plan()
    query, key, value = _parts(plan)
    with torch.autocast("cpu", torch.bfloat16):
        said, _ = grouped_attention(torch.nn.Module(), query, key, value.bfloat16(), None, tree=plan)
    halved = [part.bfloat16() for part in (query, key, value)]
    wanted, _ = grouped_attention(torch.nn.Module(), *halved, None, tree=plan)
    assert said.dtype == torch.bfloat16
    assert torch.equal(said, wanted)


def test_a_long_trunk_is_cut_into_blocks_that_see_each_other() -> None:
    trunk = list(range(600))
    plan = plan_tree(build_tree([[*trunk, 7], [*trunk, 8, 9]], [[True] * 601, [True] * 602]))
    assert [(batch.rows.shape[1], batch.a) for batch in plan.batches] == [(256, 0), (256, 256), (88, 512), (2, 600)]


def test_attention_is_never_compiled() -> None:
    traced: list[str] = []

    def note(graph: torch.fx.GraphModule, inputs: Any) -> Any:
        traced.extend(node.name for node in graph.graph.nodes if node.op.startswith("call"))
        return graph.forward

    plan, module = _plan(), torch.nn.Module()
    parts = _parts(plan)

    def layer(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        return grouped_attention(module, query * 2, key, value, None, tree=plan)[0].sin()

    said = torch.compile(layer, backend=note)(*parts)
    torch.testing.assert_close(said, layer(*parts))
    assert traced == ["mul", "sin"]


@pytest.mark.parametrize(
    ("option", "told"),
    [({"sliding_window": 22}, "window of 22"), ({"dropout": 0.1}, "dropout"), ({"s_aux": torch.zeros(4)}, "sinks")],
)
def test_what_trees_have_no_answer_to_is_refused(option: dict[str, Any], told: str) -> None:
    plan = plan_tree(build_tree(SAMPLES, TRAINED))
    check_fit(plan, {"sliding_window": 23, "dropout": 0.0, "s_aux": None})
    with pytest.raises(Unfit, match=told):
        check_fit(plan, option)
