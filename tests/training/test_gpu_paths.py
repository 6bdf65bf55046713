"""What only a GPU does to a run, tried without one: little memory for the proof, what is measured there, compiling."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import LlamaConfig, LlamaForCausalLM

from roleplay.dataset.sample import Sample, sample_with
from roleplay.dataset.tree import build_tree
from roleplay.models import tree_flex
from roleplay.models.adapter import attach_new
from roleplay.models.tree_flex import block_attention
from roleplay.models.tree_plan import plan_tree
from roleplay.training import batching, memory
from roleplay.training.arguments import arguments
from roleplay.training.batching import in_float32, why_not_tree
from roleplay.training.memory import tokens_that_fit
from roleplay.training.run import Decisions
from roleplay.training.settings import Settings
from tests.training.pell import SETTINGS

pytestmark = pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile:UserWarning")

REST = {"epochs": 1.0, "scheduler": "constant", "weight_decay": 0.0}
SAMPLES = [sample_with([1, 5, 6, 7, *range(8 + i, 12 + 2 * i)], [(4, 8 + i)], 9) for i in range(16)]


def tuned() -> PeftModel:
    """A llama in bfloat16 with an adapter."""
    config = LlamaConfig(
        vocab_size=61, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4
    )
    torch.manual_seed(0)
    base = LlamaForCausalLM(config).to(torch.bfloat16).eval().requires_grad_(False)
    return attach_new(base, rank=4, alpha=8, dropout=0)[0]


def reason(model: PeftModel) -> str:
    return why_not_tree(model, SAMPLES, pad=0, dtype="bfloat16", attention="sdpa")


@pytest.fixture
def proven(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many samples each proof was made of."""
    sizes: list[int] = []
    pad = batching.pad_right
    monkeypatch.setattr(batching, "pad_right", lambda samples, fill: sizes.append(len(samples)) or pad(samples, fill))
    return sizes


@pytest.fixture
def room_for(monkeypatch: pytest.MonkeyPatch, proven: list[int]) -> Callable[[int], None]:
    """Lets float32 have room for so many samples."""

    def have(most: int) -> None:
        @contextlib.contextmanager
        def small(model: Any) -> Iterator[None]:
            if proven[-1] > most:
                raise torch.OutOfMemoryError("CUDA out of memory")
            with in_float32(model):
                yield

        monkeypatch.setattr(batching, "in_float32", small)

    return have


def test_where_float32_has_no_room_fewer_samples_prove_the_tree(
    room_for: Callable[[int], None], proven: list[int]
) -> None:
    room_for(4)
    assert reason(tuned()) == ""
    assert proven == [16, 8, 4, 4]  # the last in float32


@pytest.mark.parametrize(("times", "says"), [(1.0, ""), (1.2, "its gradient would differ")])
def test_where_it_has_none_at_all_trees_and_rows_are_compared_with_each_other(
    times: float, says: str, room_for: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    room_for(0)
    right = batching.tree_losses
    monkeypatch.setattr(batching, "tree_losses", lambda model, tree: right(model, tree) * times)
    assert reason(tuned()).startswith(says)
    assert bool(reason(tuned())) is bool(says)


def test_memory_that_ends_within_the_proof_leaves_weights_as_they_were_and_no_gradient(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = tuned()
    before = {name: part.clone() for name, part in model.state_dict().items()}
    widen, calls = torch.Tensor.float, []

    def end(part: torch.Tensor) -> torch.Tensor:
        calls.append(part)
        if len(calls) == 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return widen(part)

    with monkeypatch.context() as patch:
        patch.setattr(torch.Tensor, "float", end)
        with pytest.raises(torch.OutOfMemoryError), in_float32(model):
            pass
    assert len(calls) == 5
    for name, part in model.state_dict().items():
        assert part.dtype == before[name].dtype
        assert torch.equal(part, before[name])

    def fail() -> torch.Tensor:
        next(p for p in model.parameters() if p.requires_grad).sum().backward()  # type: ignore[no-untyped-call]
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        batching.gradient(model, fail)
    assert all(part.grad is None for part in model.parameters())


def test_on_a_gpu_gradients_are_there_before_a_pass_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tuned()
    there: list[bool] = []

    def reset() -> None:
        there.append(all(part.grad is not None for part in model.parameters() if part.requires_grad))

    monkeypatch.setattr(memory, "free_bytes", lambda device: 10**12)
    monkeypatch.setattr("torch.cuda.reset_peak_memory_stats", reset)
    monkeypatch.setattr("torch.cuda.memory_allocated", lambda: 1000)
    monkeypatch.setattr("torch.cuda.max_memory_allocated", lambda: 5000)
    samples: list[Sample] = [sample_with([i % 50 for i in range(200)], [(199, 200)], 1)]
    assert tokens_that_fit(model, samples, device="cuda", pad=0)[1] == 4000 / 200
    assert there == [True]  # else they would be counted for each token, and once more with the optimizer's moments
    assert all(part.grad is None for part in model.parameters())


def test_on_a_gpu_no_process_is_begun_at_every_epoch_to_pack_steps() -> None:
    job = SimpleNamespace(
        run=SimpleNamespace(checkpoints=Path("checkpoints")),
        material=SimpleNamespace(has_heldout=False),
        config=SimpleNamespace(
            settings=Settings(**SETTINGS | REST), decisions=Decisions("cuda", "bfloat16", 1, "sdpa", "tree")
        ),
    )
    made = arguments(job, 0)  # type: ignore[arg-type]
    assert made["use_cpu"] is False
    assert made["dataloader_num_workers"] == 0


@pytest.fixture
def attention_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """FlexAttention as a GPU has it, compiled, but for the kernel."""
    plain = tree_flex._attend
    compiled = torch.compile(plain, backend="eager", dynamic=True, fullgraph=True)
    monkeypatch.setattr(tree_flex, "_compiled", lambda: compiled)
    monkeypatch.setattr(tree_flex, "_attend", tree_flex._attend_compiled)


def test_a_compiled_model_attends_to_trees_of_every_size(attention_of_a_gpu: None) -> None:
    def layer(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, plan: Any) -> torch.Tensor:
        said, _ = block_attention(torch.nn.Module(), query * 2, key, value, None, tree=plan)
        return said + 1

    compiled = torch.compile(layer, backend="eager")
    try:
        for length in (5, 200, 90):
            samples = [[1, 2, 3, *range(10 * i, 10 * i + length)] for i in range(1, 4)]
            plan = plan_tree(build_tree(samples, [[True] * len(sample) for sample in samples]))
            parts = [torch.randn(1, heads, len(plan.end), 16) for heads in (4, 2, 2)]
            torch.testing.assert_close(compiled(*parts, plan), layer(*parts, plan))
            assert plan.calls == 2
    finally:
        torch._dynamo.reset()


def test_under_autocast_the_kernel_is_given_one_type(monkeypatch: pytest.MonkeyPatch) -> None:
    attend, seen = tree_flex._attend, []
    monkeypatch.setattr(tree_flex, "_attend", lambda *parts: [seen.extend(parts[:3]), attend(*parts)][1])
    plan = plan_tree(build_tree([[1, 2, 3], [1, 2, 4]], [[True] * 3] * 2))
    query, key, value = (torch.randn(1, heads, len(plan.end), 16) for heads in (4, 2, 2))
    with torch.autocast("cpu", torch.bfloat16):  # positions leave queries and keys in float32
        block_attention(torch.nn.Module(), query, key, value.bfloat16(), None, tree=plan)
    assert [part.dtype for part in seen] == [torch.bfloat16] * 3
