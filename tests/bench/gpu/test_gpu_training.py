"""Contenders share a base, leave it as it was, and their rows say what they did."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from roleplay.dataset.sample import Sample
from roleplay.dataset.tree import tree_of
from roleplay.models.base import Base
from tests.bench.gpu import contest as contests
from tests.bench.gpu import training
from tests.bench.gpu.clock import Clock, Patience
from tests.bench.gpu.contest import Contest, race
from tests.bench.gpu.device import Options
from tests.bench.gpu.results import read_results
from tests.bench.gpu.shapes import make_base
from tests.bench.gpu.training import Part, Table
from tests.bench.gpu.work import work_of
from tests.bench.training.case import Case, samples_of
from tests.bench.training.contenders import Ready
from tests.bench.training.gate import Gate
from tests.bench.training.race import Outcome
from tests.bench.training.report import flops_of


@pytest.fixture(scope="module")
def base() -> Base:
    return make_base("tiny", device="cpu", dtype=torch.float32)


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return samples_of(Case("tiny", "float32", 20, "one", 8, 1, 8192), 3)


def contest(base: Base, samples: Sequence[Sample], **options: Any) -> Contest:
    return Contest(base, samples, device="cpu", patience=Patience(0, 1, 1), **options)


def test_the_whole_part_runs_at_its_smallest_and_keeps_each_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    only = ("padded", "tree", "tree-flex")
    training.run(Options("cpu", ("tiny",), (64,), only, True, tmp_path))
    (measured,) = read_results(tmp_path / "training-cpu.jsonl")
    padded, tree, flex = measured.rows
    assert padded["x padded"] == 1
    assert tree["samples/s"] > 0
    assert tree["loss"] == padded["loss"]
    assert tree["gradient"] < 1e-5
    assert "FlexAttention does not support backward on CPU" in flex["remarks"]
    assert flex["samples/s"] is None
    assert "| tiny | fp32 | pocket | 64 | roleplay, trees, grouped |" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing_:FutureWarning")
@pytest.mark.parametrize("checkpointing", [False, True])
def test_the_base_is_as_before_after_every_contender(
    base: Base, samples: list[Sample], checkpointing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(ready: Ready, samples: Sequence[Sample], gate: Gate) -> None:
        model: Any = ready.base.model
        model.forward = model.forward
        if not checkpointing:  # which brings them along
            model.enable_input_require_grads()
        model.config.use_cache = False
        model.set_attn_implementation("eager")
        assert model.is_gradient_checkpointing == checkpointing
        raise torch.OutOfMemoryError("no memory")

    monkeypatch.setitem(contests.CONTENDERS, "plain", spoil)
    model: Any = base.model
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    names, cached = [name for name, _ in model.named_modules()], model.config.use_cache
    outcomes = [Outcome(name) for name in ("plain", "tree")]
    for outcome in outcomes:
        contest(base, samples, checkpointing=checkpointing).turn(outcome)
        assert [name for name, _ in model.named_modules()] == names
        assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
        assert "forward" not in vars(model)
        assert (model.config.use_cache, model.config._attn_implementation) == (cached, "sdpa")
        assert not model.is_gradient_checkpointing
        assert not model.training
        assert not model.get_input_embeddings()._forward_hooks
    assert [outcome.failed for outcome in outcomes] == ["out of memory", ""]


def test_contenders_begin_with_the_same_weights_and_the_slower_of_two_stays_out(
    base: Base, samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def run(name: str) -> Any:
        def contender(ready: Ready, samples: Sequence[Sample], gate: Any) -> None:
            order.append(name)
            first = [w.detach().flatten() for w in ready.tuned.parameters() if w.requires_grad]
            gate.loss, gate.gradient = 1.0, torch.cat(first)
            gate.seconds = {"padded": 1.0, "trl": 2.0, "trl-16": 3.0}[name]
            with torch.no_grad():
                first[0] += 1

        return contender

    for name in ("padded", "trl", "trl-16"):
        monkeypatch.setitem(contests.CONTENDERS, name, run(name))
    told: list[str] = []
    found = race(contest(base, samples), ("padded", "trl", "trl-16"), rounds=2, told=lambda _, o: told.append(o.name))
    assert order == told == ["padded", "trl", "trl-16", "trl", "padded"]
    assert [outcome.slower for outcome in found] == [None, None, 3.0]
    assert all(torch.equal(outcome.gradient, found[0].gradient) for outcome in found)
    assert found[0].gradient.abs().min() > 0


def test_a_contender_that_ends_early_has_failed(
    base: Base, samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(contests.CONTENDERS, "plain", lambda ready, samples, gate: gate.step_done())
    plain = Outcome("plain")
    contest(base, samples).turn(plain)
    assert (plain.failed, plain.seconds) == ("RuntimeError: it ended before its steps were timed", [])


def test_the_clock_takes_as_many_steps_as_fit_after_two(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([10.0, 10.5, 12.9])
    monkeypatch.setattr("tests.bench.gpu.clock.time.perf_counter", lambda: next(ticks))
    clock = Clock("cpu", Patience(seconds=2.0, least=3, most=40))
    steps = 1
    while clock.step_done():
        steps += 1
    assert steps == 2 + 4
    assert clock.seconds == pytest.approx(2.4 / 4)


def test_work_is_that_of_the_race_on_a_cpu_and_rows_count_each_of_their_tokens(
    base: Base, samples: list[Sample]
) -> None:
    step = samples[:16]
    flops = flops_of(tree_of(step), base.model.config)
    assert work_of(step, base.model, shared=True) == flops.products + flops.attention
    alone = [flops_of(tree_of([sample]), base.model.config) for sample in step]
    assert work_of(step, base.model, shared=False) == sum(one.products + one.attention for one in alone)


def test_an_ungated_mlp_counts_two_matrices(samples: list[Sample]) -> None:
    fused = make_base("tiny-fused", device="cpu", dtype=torch.float32)
    tree = tree_of(samples[:1])
    layer = 64 * 3 * 64 + 64 * 64 + 2 * 64 * 256
    products = 2 * layer * len(tree.ids) + 8192 * 64 * len(tree.predicts)
    pairs = len(tree.ids) * (len(tree.ids) + 1) // 2
    assert work_of(samples[:1], fused.model, shared=True) == 4 * products + 12 * 2 * 64 * pairs


def table(device: str, kept: str = "bf16", *, checkpointing: bool = False) -> Table:
    part = Part("qwen2.5-7b", kept, (checkpointing,), (64,), training.NAMES)
    return Table(Options(device), part, 64, checkpointing, 100.0, {False: 100, True: 20})


def outcome(name: str, seconds: float, loss: float = 2.0) -> Outcome:
    return Outcome(name, seconds=[seconds], loss=loss, gradient=torch.tensor([3.0, 4.0]))


@pytest.mark.parametrize(
    ("seconds", "remarks"),
    [
        (0.4, ">= 1.4 x padded: met; >= 40% of the rate: met"),
        (0.6, ">= 1.4 x padded: met; >= 40% of the rate: MISSED"),
        (0.9, ">= 1.4 x padded: MISSED; >= 40% of the rate: MISSED"),
    ],
)
def test_rows_of_flex_attention_name_their_bars(seconds: float, remarks: str) -> None:
    flex, padded = outcome("tree-flex", seconds), outcome("padded", 1.0)
    assert table("cuda").row([padded, flex], flex)["remarks"] == remarks
    assert table("cpu").row([padded, flex], flex)["remarks"] == ""


def test_a_small_card_is_met_by_a_run_and_missed_by_a_failure() -> None:
    small = table("cuda", "nf4", checkpointing=True)
    flex = outcome("tree-flex", 0.5)
    assert small.row([flex], flex)["remarks"] == "fits in 12 GB: met"
    flex.failed = "out of memory"
    row = small.row([flex], flex)
    assert row["remarks"] == "out of memory; fits in 12 GB: MISSED"
    assert row["samples/s"] is None
    assert row["kept"] == "nf4, checkpointed"


def test_another_loss_is_named_and_ratios_are_to_the_faster_of_trl() -> None:
    padded, other = outcome("padded", 1.0), outcome("plain", 0.5, loss=2.1)
    everyone = [padded, other, outcome("trl", 2.0), outcome("trl-16", 3.0)]
    row = table("cuda").row(everyone, other)
    assert row["remarks"] == "NOT THE SAME LOSS OR GRADIENT"
    assert (row["x padded"], row["x TRL"], row["samples/s"]) == (2.0, 4.0, 32.0)
    assert table("cuda").row(everyone, padded)["share of rate"] == "100%"


def test_the_biggest_base_comes_first_and_is_packed_once() -> None:
    parts = list(training.parts_of(Options("cuda")))
    assert [(part.shape, part.kept) for part in parts] == [
        ("qwen2.5-7b", "bf16"),
        ("qwen2.5-7b", "nf4"),
        ("chatglm-6b", "bf16"),
        ("qwen3-4b", "bf16"),
        ("qwen2.5-0.5b", "bf16"),
    ]
    (part,) = training.parts_of(Options("cuda", ("qwen3-4b",), (600,), ("padded", "tree-flex")))
    assert (part.prefixes, part.names) == ((600,), ("padded", "tree-flex"))
    with pytest.raises(ValueError, match="no contender is called flex; choose of padded, plain"):
        list(training.parts_of(Options("cuda", only=("flex",))))
