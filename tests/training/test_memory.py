"""Memory is asked before it is taken: a base too large is refused, a step too large is split, a sample is measured."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import LlamaConfig, LlamaForCausalLM

from roleplay.dataset.sample import Sample, sample_with
from roleplay.errors import RunError
from roleplay.models.adapter import attach_new
from roleplay.models.spec import BaseSpec, parse_spec
from roleplay.paths import Home
from roleplay.training import memory
from roleplay.training.memory import check_base, free_bytes, tokens_that_fit
from roleplay.training.run import Decisions, Run
from tests.training.pell import metrics, run_pell, write_pell

EXACT: dict[str, Any] = {"dropout": 0.0, "max_steps": 6, "logging_steps": 1, "eval_steps": 6}
PLENTY = 10**15
TRAINED = 2 * 3 * 16 * (32 + 32)
"""Weights of the adapter on the tiny base."""


def sample(length: int) -> Sample:
    """A sample of `length` tokens whose last one is trained."""
    return sample_with([i % 50 for i in range(length)], [(length - 1, length)], 1)


def tuned(layers: int, *, checkpointing: bool = False, vocabulary: int = 61) -> PeftModel:
    """A llama with an adapter."""
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=32, intermediate_size=64, num_hidden_layers=layers, num_attention_heads=2
    )
    base = LlamaForCausalLM(config).eval().requires_grad_(False)
    if checkpointing:
        base.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return attach_new(base, rank=4, alpha=8, dropout=0)[0]


def kept(model: PeftModel, samples: list[Sample]) -> float:
    """Bytes a token."""
    return tokens_that_fit(model, samples, device="cpu", pad=0)[1]


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Makes the machine have so many bytes free."""
    return lambda size: monkeypatch.setattr(memory, "free_bytes", lambda device: int(size))


def test_twice_the_layers_keep_about_twice_as_much() -> None:
    two, four = (kept(tuned(layers), [sample(200)]) for layers in (2, 4))
    assert two > 32 * 4  # at the very least a layer's input in float32
    assert 1.7 < four / two < 2.1


def test_the_frozen_weights_are_not_counted() -> None:
    vocabulary = 100_000
    model = tuned(1, vocabulary=vocabulary)
    assert kept(model, [sample(128)]) * 128 < vocabulary * 32 * 4


def test_a_sample_of_middle_length_is_measured_and_not_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[int] = []
    monkeypatch.setattr(memory, "_kept", lambda model, chosen, pad: measured.append(len(chosen.ids)) or 1000)
    kept(tuned(1), [sample(length) for length in (20, 140, 400, 130)])
    kept(tuned(1), [sample(length) for length in (20, 60)])
    assert measured == [130, 60]


@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing_enable:FutureWarning")
def test_gradient_checkpointing_keeps_less() -> None:
    plain, spared = (kept(tuned(4, checkpointing=on), [sample(200)]) for on in (False, True))
    assert spared < plain / 2


def test_measuring_leaves_weights_and_gradients_alone() -> None:
    model = tuned(2)
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    kept(model, [sample(130)])
    assert all(weight.grad is None for weight in model.parameters())
    assert all(torch.equal(weight, before[name]) for name, weight in model.named_parameters())


def test_four_fifths_of_what_is_free_beside_the_optimizer_is_planned_with(
    free: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tuned(1)
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    monkeypatch.setattr(memory, "_kept", lambda model, chosen, pad: 1000 * len(chosen.ids))
    free(12 * trained + 1_000_000)
    assert tokens_that_fit(model, [sample(130)], device="cpu", pad=0) == (800, 1000)


def test_a_sample_that_does_not_fit_is_refused_with_what_it_needs(
    free: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_kept", lambda model, chosen, pad: 50_000_000 * len(chosen.ids))
    free(2e9)
    with pytest.raises(RunError) as caught:
        tokens_that_fit(tuned(1), [sample(64), sample(80)], device="cpu", pad=0)
    told = str(caught.value)
    assert told.startswith("a sample of 80 tokens needs 5.0 GB beside the base and 2.0 GB are free; add ")
    assert "--gradient-checkpointing" in told
    assert "--quant nf4" in told


def test_a_pass_that_runs_out_of_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def burst(model: Any, chosen: Sample, pad: int) -> int:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(memory, "_kept", burst)
    with pytest.raises(RunError, match=r"a sample of 80 tokens needs more beside the base and .* are free; add --gr"):
        kept(tuned(1), [sample(80)])


def test_a_base_that_fits_is_not_refused(tiny_base: Path, free: Callable[[float], None]) -> None:
    size = (tiny_base / "model.safetensors").stat().st_size
    free(size)
    check_base(parse_spec(str(tiny_base)), "cpu", "float32", "none")
    free(size / 2)
    check_base(parse_spec(str(tiny_base)), "cpu", "bfloat16", "none")
    free(size / 4 * 0.7)
    check_base(parse_spec(str(tiny_base)), "cpu", "bfloat16", "nf4")


@pytest.mark.parametrize(
    ("dtype", "quant", "needed"),
    [("float32", "none", "4.0 GB"), ("float16", "none", "2.0 GB"), ("float32", "int8", "1.1 GB")],
)
def test_a_base_that_does_not_fit_is_refused_with_the_sizes(
    tiny_base: Path,
    free: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
    dtype: str,
    quant: str,
    needed: str,
) -> None:
    monkeypatch.setattr("math.prod", lambda shape: 10**9 / 21)  # 21 tensors of a tiny llama, as if a billion weights
    free(0.25e9)
    with pytest.raises(RunError) as caught:
        check_base(parse_spec(str(tiny_base)), "cpu", dtype, quant)
    told = str(caught.value)
    assert told.startswith(f"the base '{tiny_base}' needs {needed} for its weights alone and 250.0 MB are free; ")
    assert "--quant nf4" in told


def test_of_a_base_on_the_hub_nothing_is_known_yet(free: Callable[[float], None]) -> None:
    free(0)
    check_base(BaseSpec("someone/large", None, None), "cpu", "float32", "none")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("model.safetensors", "no weights"),
        ("model.safetensors.index.json", "{"),
        ("model.safetensors.index.json", "{}"),
        ("model.safetensors.index.json", "[]"),
        ("model.safetensors.index.json", '{"weight_map": 3}'),
        ("model.safetensors.index.json", '{"weight_map": {"a": "gone.safetensors"}}'),
    ],
)
def test_what_is_wrong_with_weights_is_left_to_loading(
    tmp_path: Path, free: Callable[[float], None], name: str, text: str
) -> None:
    free(0)
    (tmp_path / name).write_text(text)
    check_base(BaseSpec("broken", tmp_path, None), "cpu", "float32", "none")


@pytest.mark.parametrize(("limit", "used", "wanted"), [("1000", "400", 600), ("max", "400", 5000), ("9000", "1", 5000)])
def test_a_container_has_what_its_limit_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, used: str, wanted: int
) -> None:
    (tmp_path / "memory.max").write_text(limit + "\n")
    (tmp_path / "memory.current").write_text(used + "\n")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": 5000}))
    assert free_bytes("cpu") == wanted


# From here on, runs.


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, one_thread: None) -> Run:
    """A run with memory in plenty."""
    folder = tmp_path_factory.mktemp("roomy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "free_bytes", lambda device: PLENTY)
        return run_pell(Home(folder), write_pell(folder / "characters", tiny_base), "roomy", **EXACT)


def losses(run: Run) -> list[float]:
    return [entry[key] for entry in metrics(run) for key in ("loss", "eval_loss") if key in entry]


def decisions(run: Run) -> Decisions:
    return run.read_config().decisions


def room_for(run: Run, tokens: float) -> float:
    """Bytes in which so many tokens of that run's model fit."""
    return 12 * TRAINED + decisions(run).bytes_per_token * tokens / 0.8


@pytest.mark.parametrize("batching", ["tree", "padded"])
def test_a_step_too_large_for_memory_is_split_and_the_same(
    tmp_path: Path, card: Path, roomy: Run, free: Callable[[float], None], batching: str
) -> None:
    assert decisions(roomy).max_tokens_per_pass is None
    free(room_for(roomy, 100))
    run = run_pell(Home(tmp_path / "home"), card, "tight", batching=batching, **EXACT)
    assert decisions(run).max_tokens_per_pass == pytest.approx(100, abs=1)
    assert losses(run) == pytest.approx(losses(roomy), rel=1e-4)


def test_a_run_that_memory_does_not_hold_ends_before_its_first_step(
    tmp_path: Path, card: Path, roomy: Run, free: Callable[[float], None]
) -> None:
    free(room_for(roomy, 20))
    with pytest.raises(RunError, match=r"a sample of \d+ tokens needs .* beside the base"):
        run_pell(Home(tmp_path / "home"), card, "short", **EXACT)
    assert [path.name for path in (tmp_path / "home" / "runs" / "pell" / "short").iterdir()] == [".lock"]


def test_with_gradient_checkpointing_a_run_finds_room_for_more(tmp_path: Path, card: Path, roomy: Run) -> None:
    run = run_pell(Home(tmp_path / "home"), card, "spared", gradient_checkpointing=True, **EXACT)
    assert decisions(run).bytes_per_token < decisions(roomy).bytes_per_token * 0.7
    assert losses(run) == pytest.approx(losses(roomy), rel=1e-4)
