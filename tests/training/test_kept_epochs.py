"""What is learned after chosen epochs is kept beside the best and the last."""

import json
from pathlib import Path
from typing import Any

import pytest

from roleplay.models.adapter import load_adapter
from roleplay.models.passport import read_passport
from roleplay.paths import Home
from roleplay.training.run import Run
from roleplay.training.steer import Milestones
from tests.tiny import load_tiny_base
from tests.training.pell import Crash, crash_at, interrupt_at, outcome, resume_pell, run_pell, write_pell

KEEP: dict[str, Any] = {"keep_epochs": (1.0, 2.5), "max_steps": 10, "dropout": 0.0}
"""Three steps an epoch: the first is complete after step 3, half of the third within step 8."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, one_thread: None) -> Run:
    """The run that nobody interrupts."""
    folder = tmp_path_factory.mktemp("kept")
    return run_pell(Home(folder / "home"), write_pell(folder / "characters", tiny_base), "whole", **KEEP)


def kept(run: Run) -> dict[str, Any]:
    """Weights and passports of the kept epochs."""
    found: dict[str, Any] = {}
    for folder in sorted((run.folder / "adapter").glob("epoch-*")):
        passport = json.loads((folder / "roleplay.json").read_text())
        found[folder.name] = (passport, (folder / "adapter_model.safetensors").read_bytes())
    return found


def test_each_chosen_epoch_leaves_an_adapter_of_its_step(whole: Run, tiny_base: Path) -> None:
    assert {path.name for path in (whole.folder / "adapter").iterdir()} == {"best", "last", "epoch-1", "epoch-2.5"}
    assert [read_passport(whole.adapter(name)).step for name in ("epoch-1", "epoch-2.5")] == [3, 8]
    assert read_passport(whole.adapter("epoch-1")).heldout_loss is None
    assert len({weights for _, weights in kept(whole).values()} | {outcome(whole)["last"]}) == 3
    for name in kept(whole):
        load_adapter(load_tiny_base(tiny_base), whole.adapter(name))
    assert "taken at step 3" in (whole.adapter("epoch-1") / "README.md").read_text()


def test_an_epoch_is_kept_as_a_run_that_ends_there_leaves_it(tmp_path: Path, card: Path, whole: Run) -> None:
    """With a constant rate, for the shape of the others depends on the end."""
    constant = KEEP | {"scheduler": "constant"}
    long = run_pell(Home(tmp_path / "home"), card, "long", **constant | {"max_steps": 4})
    short = run_pell(Home(tmp_path / "home"), card, "short", **constant | {"max_steps": 3})
    assert kept(long)["epoch-1"][1] == outcome(short)["last"] != outcome(long)["last"]


@pytest.mark.parametrize("step", [pytest.param(2, marks=pytest.mark.soak), 3, 8])
def test_a_run_interrupted_and_resumed_keeps_the_same(tmp_path: Path, card: Path, whole: Run, step: int) -> None:
    home = Home(tmp_path / "home")
    run = run_pell(home, card, "whole", interrupt_at(step), **KEEP)
    assert set(kept(run)) == {name for name, at in (("epoch-1", 3), ("epoch-2.5", 8)) if at <= step}
    resume_pell(home, card)
    assert (kept(run), outcome(run)) == (kept(whole), outcome(whole))


@pytest.mark.parametrize("step", [3, pytest.param(8, marks=pytest.mark.soak)])
def test_a_run_that_crashed_keeps_the_same(tmp_path: Path, card: Path, whole: Run, step: int) -> None:
    home = Home(tmp_path / "home")
    with pytest.raises(Crash):
        run_pell(home, card, "whole", crash_at(step), **KEEP)
    assert kept(resume_pell(home, card)) == kept(whole)


@pytest.mark.parametrize(
    ("epochs", "steps_per_epoch", "steps"),
    [
        ((1, 2.5), 3, {"epoch-1": 3, "epoch-2.5": 8}),
        ((2.2, 0.04), 25, {"epoch-2.2": 55, "epoch-0.04": 1}),
        ((0.9, 1), 3, {"epoch-0.9": 3, "epoch-1": 3}),
        ((0.01,), 10, {"epoch-0.01": 1}),
        ((100,), 7, {"epoch-100": 700}),
        ((), 7, {}),
    ],
)
def test_an_epoch_is_complete_at_the_first_step_that_is_not_before_it(
    epochs: tuple[float, ...], steps_per_epoch: int, steps: dict[str, int]
) -> None:
    assert Milestones(epochs, steps_per_epoch, lambda name: None).steps == steps


def test_two_epochs_that_one_step_completes_are_both_kept(tmp_path: Path, card: Path) -> None:
    run = run_pell(Home(tmp_path / "home"), card, "both", **KEEP | {"keep_epochs": (0.9, 1.0, 5.0), "max_steps": 3})
    assert list(kept(run)) == ["epoch-0.9", "epoch-1"]
