"""A base that is loaded already serves the next run, as if it had been loaded for it."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from roleplay.cards.load import load_card
from roleplay.errors import RunError
from roleplay.paths import Home
from roleplay.text import fingerprint
from roleplay.training import prepare
from roleplay.training.prepare import Job, Loaded, load_bare, take_off
from roleplay.training.start import Start, load, plan_new
from roleplay.training.tune import train
from tests.tiny import load_tiny_base, save_tiny_base
from tests.training.pell import SETTINGS, interrupt_at, outcome, run_pell

SHORT = {"max_steps": 3, "logging_steps": 1}
IDS = torch.arange(20).unsqueeze(0)


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Grows with every base that is loaded for a run."""
    seen: list[Any] = []
    true = prepare.load_base
    monkeypatch.setattr(prepare, "load_base", lambda spec, **how: seen.append(how["dtype"]) or true(spec, **how))
    return seen


@pytest.fixture
def job(tmp_path: Path, card: Path) -> Callable[..., Job]:
    """Prepare a run of Pell's; settings are changes."""

    def make(name: str, loaded: Loaded | None = None, base: str | None = None, **changes: Any) -> Job:
        start = Start(load_card(card), base, None, SETTINGS | SHORT | changes, name)
        return load(plan_new(Home(tmp_path / "home"), start), start, loaded=loaded)

    return make


def state(loaded: Loaded) -> tuple[str, str, bool, object]:
    """Everything of a base that a run could leave otherwise."""
    model = loaded.base.model
    weights = {name: fingerprint(tensor.numpy().tobytes()) for name, tensor in model.state_dict().items()}
    hooks = [name for name, module in model.named_modules() if module._forward_hooks or module._forward_pre_hooks]
    told = [
        hooks,
        model.is_gradient_checkpointing,
        model.config.use_cache,
        [p.requires_grad for p in model.parameters()],
    ]
    with torch.no_grad():
        return str(weights), fingerprint(model(IDS).logits.numpy().tobytes()), model.training, told


@pytest.mark.parametrize(
    ("changes", "stop", "ends"),
    [
        ({}, 99, contextlib.nullcontext()),
        ({}, 2, contextlib.nullcontext()),
        ({"gradient_checkpointing": True, "dropout": 0.0}, 99, contextlib.nullcontext()),
        ({"learning_rate": 1e30}, 99, pytest.raises(RunError, match="diverged")),
    ],
)
def test_what_a_run_leaves_is_the_base_as_it_was_loaded(
    job: Callable[..., Job], changes: dict[str, Any], stop: int, ends: contextlib.AbstractContextManager[Any]
) -> None:
    """After an end, after Ctrl-C, and after a divergence."""
    first = job("first", **changes)
    fresh = load_bare(first.base.spec, first.config.decisions, "none")
    with ends:
        train(first, resume=False, report=interrupt_at(stop), say=lambda text: None)
    assert state(take_off(first)) == state(fresh)


def test_a_run_on_a_base_that_served_before_is_the_run_on_a_fresh_one(
    tmp_path: Path, card: Path, job: Callable[..., Job], loads: list[Any]
) -> None:
    train(first := job("first", rank=4, seed=5), resume=False, report=lambda progress: None, say=lambda text: None)
    second = job("second", take_off(first))
    assert second.base is first.base
    assert len(loads) == 1
    train(second, resume=False, report=lambda progress: None, say=lambda text: None)
    assert outcome(second.run) == outcome(run_pell(Home(tmp_path / "other"), card, "alone", **SHORT))


def test_a_base_that_is_loaded_decides_the_number_format_unless_one_is_chosen(
    job: Callable[..., Job], loads: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roleplay.training.decide._cpu_has_bfloat16", lambda: True)
    first = job("first", dtype="float32")
    kept = job("kept", take_off(first), dtype="auto")
    assert kept.base is first.base
    assert (kept.config.decisions.dtype, kept.config.settings.dtype) == ("float32", "auto")
    chosen = job("chosen", take_off(kept), dtype="bfloat16")
    assert chosen.base is not first.base
    assert (chosen.config.decisions.dtype, chosen.base.model.dtype) == ("bfloat16", torch.bfloat16)
    assert loads == [torch.float32, torch.bfloat16]


def test_another_base_and_weights_that_learn_are_loaded_anew(
    tmp_path: Path, job: Callable[..., Job], chatml_tokenizer: PreTrainedTokenizerFast, loads: list[Any]
) -> None:
    first = job("first")
    other = str(save_tiny_base(tmp_path / "other", chatml_tokenizer, seed=3))
    assert job("other", take_off(first), base=other).config.base == load_tiny_base(Path(other)).identity
    assert job("full", take_off(first), tuning="full").base is not first.base
    assert len(loads) == 3
