"""A run on trees is the run on padded rows, computed once; a model that cannot do it is padded, and says why."""

import contextlib
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    FalconConfig,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    PretrainedConfig,
)

from roleplay.dataset.sample import Sample
from roleplay.models.adapter import attach_new
from roleplay.paths import Home
from roleplay.training import batching, steps
from roleplay.training.batching import why_not_tree
from roleplay.training.run import Run
from tests.training.pell import Crash, crash_at, interrupt_at, metrics, outcome, resume_pell, run_pell

EXACT: dict[str, Any] = {"dropout": 0.0, "max_steps": 9}
SMALL: dict[str, Any] = {"vocab_size": 61, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
MLP = SMALL | {"intermediate_size": 48}
SAMPLES = [
    Sample((1, 5, 6, 7, *tail), (False,) * 4 + (True,) * len(tail), ((4, 4 + len(tail)),), 9)
    for tail in ([8, 9], [8, 10, 11, 12], [20, 21, 22], [8, 9])
]


def losses(run: Run) -> list[float]:
    return [entry[key] for entry in metrics(run) for key in ("loss", "eval_loss") if key in entry]


def test_a_run_on_trees_ends_where_padded_rows_end(tmp_path: Path, card: Path) -> None:
    home = Home(tmp_path / "home")
    tree, padded = (run_pell(home, card, kind, batching=kind, **EXACT) for kind in ("tree", "padded"))
    assert tree.read_config().decisions.batching == "tree"
    assert padded.read_config().decisions.batching == "padded"
    assert losses(tree) == pytest.approx(losses(padded), rel=1e-4)
    weights = [load_file(run.adapter("last") / "adapter_model.safetensors") for run in (tree, padded)]
    for name, one in weights[0].items():
        torch.testing.assert_close(one, weights[1][name], rtol=1e-3, atol=1e-4)


def test_a_step_in_several_passes_is_the_same_step(tmp_path: Path, card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[int] = []
    losses_of = steps.tree_losses
    monkeypatch.setattr(
        steps, "tree_losses", lambda model, tree: passes.append(len(tree.ids)) or losses_of(model, tree)
    )
    home = Home(tmp_path / "home")
    whole, split = (run_pell(home, card, str(limit), max_tokens_per_pass=limit, **EXACT) for limit in (None, 60))
    assert len(passes) > 2 * EXACT["max_steps"]
    assert losses(split) == pytest.approx(losses(whole), rel=1e-4)


@pytest.mark.parametrize("stop", [crash_at(7), pytest.param(interrupt_at(7), marks=pytest.mark.soak)])
def test_a_run_on_trees_goes_on_as_if_never_stopped(tmp_path: Path, card: Path, stop: Any) -> None:
    whole = run_pell(Home(tmp_path / "one"), card, "whole", **EXACT)
    home = Home(tmp_path / "other")
    with contextlib.suppress(Crash):
        run_pell(home, card, "halves", stop, **EXACT)
    assert outcome(resume_pell(home, card)) == outcome(whole)


def test_a_run_with_dropout_is_padded_and_says_so(tmp_path: Path, card: Path) -> None:
    run = run_pell(Home(tmp_path / "home"), card, "drops", max_steps=1)
    decisions = run.read_config().decisions
    assert (decisions.batching, decisions.batching_because) == ("padded", "with dropout every pass is another")


def reason(config: PretrainedConfig, dtype: str = "float32") -> str:
    torch.manual_seed(0)
    tuned, _ = attach_new(AutoModelForCausalLM.from_config(config), rank=4, alpha=8, dropout=0)
    before = {name: part.clone() for name, part in tuned.state_dict().items()}
    said = why_not_tree(tuned, SAMPLES, pad=0, dtype=dtype, attention="eager")
    assert all(torch.equal(part, before[name]) for name, part in tuned.state_dict().items())
    assert all(part.grad is None for part in tuned.parameters())
    return said


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_llama_is_proven_in_both_precisions(dtype: str) -> None:
    config = LlamaConfig(**MLP, dtype=getattr(torch, dtype))
    assert reason(config, dtype) == ""


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (BloomConfig(**{**SMALL, "n_layer": 2, "n_head": 4}), "forward pass|goes round"),
        (FalconConfig(**SMALL), "forward pass|goes round"),
        (
            MistralConfig(**SMALL, intermediate_size=48, num_key_value_heads=4, sliding_window=6),
            "8 tokens do not fit into its window of 6",
        ),
        (GPT2Config(vocab_size=61, n_embd=32, n_layer=2, n_head=4), "dropout"),
        (LlamaConfig(**MLP, attention_dropout=0.1), "attention dropout is on"),
    ],
    ids=["bloom", "falcon", "a short window", "dropout", "attention dropout"],
)
def test_a_model_that_cannot_is_told_apart(config: PretrainedConfig, says: str) -> None:
    assert re.search(says, reason(config))


@pytest.mark.parametrize(
    ("of_gradient", "of_loss", "says"),
    [(1e-4, 0, "its gradient would differ"), (0, 1e-4, "its loss would be"), (0, 0, "")],
)
def test_gradient_and_loss_are_each_looked_at_by_themselves(
    of_gradient: float, of_loss: float, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = batching.tree_losses

    def wrong(model: Any, tree: Any) -> torch.Tensor:
        losses = right(model, tree)
        return losses + of_gradient * (losses - losses.detach()) + of_loss * losses.detach()

    monkeypatch.setattr(batching, "tree_losses", wrong)
    found = reason(LlamaConfig(**MLP))
    assert found.startswith(says)
    assert bool(found) == bool(says)


def test_a_wrong_gradient_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = batching.tree_losses
    monkeypatch.setattr(batching, "tree_losses", lambda model, tree: right(model, tree) * 1.001)
    assert "its gradient would differ" in reason(LlamaConfig(**MLP))
