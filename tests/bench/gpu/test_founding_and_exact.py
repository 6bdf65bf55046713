"""The founding run is timed after it has warmed up, and trees are held to what rows round away."""

from pathlib import Path
from typing import Any

import pytest
import torch

from roleplay.dataset.sample import Sample
from roleplay.training.watch import Progress
from tests.bench.gpu import exact, founding
from tests.bench.gpu.device import Options
from tests.bench.gpu.founding import Stopwatch
from tests.bench.gpu.results import read_results
from tests.bench.gpu.shapes import make_base
from tests.bench.training.case import Case, samples_of
from tests.bench.training.contenders import attach_first


@pytest.fixture(autouse=True)
def one_step_of_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(founding, "_DISTINCT", 1)


def test_the_founding_run_is_the_commands_own_and_leaves_the_base_as_it_was(tmp_path: Path) -> None:
    base = make_base("tiny", device="cpu", dtype=torch.float32)
    names = [name for name, _ in base.model.named_modules()]
    row = founding.measure(Options("cpu", quick=True, folder=tmp_path), "tiny", base, 20, "tree")
    assert (row["way"], row["computed as"], row["remarks"]) == ("trees", "tree_grouped", "")
    assert len(row["_seconds"]) == 3
    assert row["s/step"] == sorted(row["_seconds"])[1]
    assert row["hours for 5,000 steps"] == pytest.approx(row["s/step"] * 5000 / 3600)
    assert row["samples/s"] == pytest.approx(16 / row["s/step"])
    assert [name for name, _ in base.model.named_modules()] == names
    assert not base.model.training
    assert not any(part.requires_grad for part in base.model.parameters())


def test_each_way_is_a_row_and_is_compared_with_padded_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {"padded": 6.0, "tree": 1.5}

    def measured(options: Options, shape: str, base: Any, prefix: int, way: str) -> dict[str, Any]:
        return {"base": shape, "prefix": prefix, "way": way, "s/step": seconds[way]}

    monkeypatch.setattr(founding, "measure", measured)
    founding.run(Options("cpu", ("tiny",), (20,), folder=tmp_path))
    founding.run(Options("cpu", ("tiny",), (30,), ("tree",), folder=tmp_path))
    (found,) = read_results(tmp_path / "founding-cpu.jsonl")
    assert [(row["prefix"], row["way"], row["x padded"]) for row in found.rows] == [
        (20, "padded", 1.0),
        (20, "tree", 4.0),
        (30, "tree", None),
    ]


def test_only_whole_steps_after_the_first_ones_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([1.0, 5.0, 6.0, 8.0])
    monkeypatch.setattr("tests.bench.gpu.founding.time.perf_counter", lambda: next(ticks))
    forgotten: list[int] = []
    progress = Progress()
    monkeypatch.setattr(founding, "forget_peak", lambda device: forgotten.append(progress.step))
    watch = Stopwatch("cpu", warm_up=2, timed=2)
    watch(progress)
    for step in (1, 2, 3):
        progress.step = step
        watch(progress)
        watch(progress)  # a log entry
    progress.step = 4
    with pytest.raises(founding._Enough):
        watch(progress)
    assert (watch.seconds, forgotten) == ([1.0, 2.0], [2])


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return samples_of(Case("tiny", "float32", 20, "one", 8, 1, 8192), 1)


def rows_of(samples: list[Sample]) -> dict[tuple[str, str], dict[str, Any]]:
    base = make_base("tiny", device="cpu", dtype=torch.bfloat16)
    tuned = attach_first(base, 8)
    found = list(exact.compare(tuned, samples, 0))
    assert {part.dtype for part in base.model.parameters() if not part.requires_grad} == {torch.bfloat16}
    return {(row["products"], row["way"]): row for row in found}


def test_trees_are_exact_in_float32_and_as_good_as_rows_in_bfloat16(samples: list[Sample]) -> None:
    rows = rows_of(samples)
    for tree in ("tree_grouped", "tree_dense"):
        assert rows["float32", tree]["remarks"] == "<= 1e-05: met"
        assert 0 < rows["float32", tree]["gradient"] <= 1e-5
        assert rows["bfloat16", tree]["remarks"] == "<= 2 x rounding: met"
        assert 1e-4 < rows["bfloat16", tree]["gradient"] < 0.05
    assert 1e-4 < rows["bfloat16", "padded rows"]["gradient"] < 0.05
    assert "FlexAttention does not support backward on CPU" in rows["float32", "tree_flex"]["remarks"]
    assert rows["float32", "tree_flex"]["gradient"] is None


def test_a_wrong_tree_is_missed(samples: list[Sample], monkeypatch: pytest.MonkeyPatch) -> None:
    right = exact.tree_losses
    monkeypatch.setattr(exact, "tree_losses", lambda tuned, tree: right(tuned, tree) * 1.05)
    rows = rows_of(samples)
    assert rows["float32", "tree_grouped"]["remarks"] == "<= 1e-05: MISSED"
    assert rows["bfloat16", "tree_grouped"]["remarks"] == "<= 2 x rounding: MISSED"
    assert rows["float32", "tree_grouped"]["loss"] == pytest.approx(0.05, rel=1e-3)


def test_the_table_of_differences_is_made_by_its_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exact.run(Options("cpu", ("tiny",), (20,), ("tree_grouped",), folder=tmp_path))
    (found,) = read_results(tmp_path / "exact-cpu.jsonl")
    assert [(row["products"], row["way"]) for row in found.rows] == [
        ("float32", "tree_grouped"),
        ("bfloat16", "padded rows"),
        ("bfloat16", "tree_grouped"),
    ]
    assert "| tiny | 20 | float32 | tree_grouped |" in capsys.readouterr().out
