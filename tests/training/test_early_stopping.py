"""A run ends early where its held-out loss no longer falls, whatever happens to it on the way."""

from pathlib import Path
from typing import Any

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from roleplay.paths import Home
from roleplay.training.checkpoints import newest_step
from roleplay.training.run import Run
from roleplay.training.steer import Patience
from tests.training.pell import Crash, crash_at, interrupt_at, metrics, outcome, resume_pell, run_pell, write_pell

# A rate and a seed at which the held-out loss rises once, falls, and rises again near the end.
FAST: dict[str, Any] = {
    "learning_rate": 0.025,
    "seed": 1,
    "scheduler": "constant",
    "dropout": 0.0,
    "eval_steps": 1,
    "logging_steps": 1,
    "max_steps": 10,
}


@pytest.fixture(scope="module")
def losses(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, one_thread: None) -> list[float]:
    """Held-out losses after each step of the run that nothing stops."""
    folder = tmp_path_factory.mktemp("whole")
    run = run_pell(Home(folder / "home"), write_pell(folder / "characters", tiny_base), "whole", **FAST)
    return heldout(run)


def heldout(run: Run) -> list[float]:
    """Held-out losses of the steps that trained something."""
    return [entry["eval_loss"] for entry in metrics(run) if "eval_loss" in entry and entry["step"]]


def ends_at(losses: list[float], patience: int) -> int:
    """The step after which `patience` losses in a row were not the lowest."""
    return next(
        step
        for step in range(patience + 1, len(losses) + 1)
        if min(losses[: step - patience]) <= min(losses[step - patience : step])
    )


def test_the_example_has_a_loss_that_rises_once_and_falls_again(losses: list[float]) -> None:
    assert [ends_at(losses, patience) for patience in (1, 2, 3)] == [3, 9, 10]
    assert len(losses) == 10


@pytest.mark.parametrize("patience", [1, 2])
def test_a_run_ends_when_so_many_losses_in_a_row_were_not_the_lowest(
    tmp_path: Path, card: Path, losses: list[float], patience: int
) -> None:
    run = run_pell(Home(tmp_path / "home"), card, "early", early_stopping=patience, **FAST)
    summary, step = run.read_summary(), ends_at(losses, patience)
    assert (summary["finished"], summary["stopped_early"], summary["steps"]) == (True, True, step)
    assert heldout(run) == losses[:step]
    assert summary["best_heldout_loss"] == min(losses[:step])
    assert summary["best_step"] == losses.index(min(losses[:step])) + 1


@pytest.mark.parametrize("patience", [3, pytest.param(4, marks=pytest.mark.soak)])
def test_a_run_that_reaches_its_last_step_did_not_end_early(
    tmp_path: Path, card: Path, losses: list[float], patience: int
) -> None:
    """With three, the last step would have been the one to end at."""
    run = run_pell(Home(tmp_path / "home"), card, "late", early_stopping=patience, **FAST)
    assert (run.read_summary()["stopped_early"], run.read_summary()["steps"]) == (False, 10)
    assert heldout(run) == losses


@pytest.fixture(scope="module")
def early(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, one_thread: None) -> Run:
    """The run with a patience of two that nobody interrupts; it ends at step 9."""
    folder = tmp_path_factory.mktemp("early")
    card = write_pell(folder / "characters", tiny_base)
    return run_pell(Home(folder / "home"), card, "whole", early_stopping=2, **FAST)


@pytest.mark.parametrize("step", [3, pytest.param(7, marks=pytest.mark.soak), 8])
def test_after_ctrl_c_the_losses_before_it_still_count(tmp_path: Path, card: Path, early: Run, step: int) -> None:
    """At 3 and at 8 one loss of two has been too high."""
    home = Home(tmp_path / "home")
    run = run_pell(home, card, "whole", interrupt_at(step), early_stopping=2, **FAST)
    assert not run.finished
    resume_pell(home, card)
    assert outcome(run) == outcome(early)


def test_ctrl_c_at_the_step_a_run_ends_at_does_not_keep_it_from_being_finished(
    tmp_path: Path, card: Path, early: Run
) -> None:
    run = run_pell(Home(tmp_path / "home"), card, "whole", interrupt_at(9), early_stopping=2, **FAST)
    assert outcome(run) == outcome(early)


def test_a_crash_before_the_deciding_loss_changes_nothing(tmp_path: Path, card: Path, early: Run) -> None:
    home = Home(tmp_path / "home")
    with pytest.raises(Crash):
        run_pell(home, card, "whole", crash_at(9), early_stopping=2, **FAST)
    assert outcome(resume_pell(home, card)) == outcome(early)


@pytest.mark.parametrize("save_steps", [1, pytest.param(5, marks=pytest.mark.soak), 50])
def test_a_run_killed_between_its_end_and_its_summary_ends_at_the_same_step(
    tmp_path: Path, card: Path, early: Run, monkeypatch: pytest.MonkeyPatch, save_steps: int
) -> None:
    home = Home(tmp_path / "home")

    def die(*_: Any, **__: Any) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr("roleplay.training.tune.finish", die)
        with pytest.raises(Crash):
            run_pell(home, card, "whole", early_stopping=2, **FAST | {"save_steps": save_steps})
    run = resume_pell(home, card)
    assert outcome(run) == outcome(early)
    assert newest_step(run.checkpoints) != 10


def test_without_heldout_dialogues_there_is_nothing_to_end_early_by(tmp_path: Path, tiny_base: Path) -> None:
    card = write_pell(tmp_path, tiny_base, desc="- - user: A?\n  - char: B.\n", talk="- - user: C?\n  - char: D.\n")
    run = run_pell(Home(tmp_path / "home"), card, "bare", early_stopping=1, **FAST | {"max_steps": 3})
    assert (run.read_summary()["stopped_early"], run.read_summary()["steps"]) == (False, 3)


@pytest.mark.parametrize(
    ("losses", "spent"),
    [
        ([1.0, 3.0, 2.0, 2.5], False),
        ([1.0, 3.0, 2.0, 2.5, 2.0], True),
        ([1.0], False),
        ([], False),
    ],
)
def test_the_loss_of_the_untrained_model_is_none_to_beat(tmp_path: Path, losses: list[float], spent: bool) -> None:
    """The first is that of step 0; an equal loss is not a lower one."""
    patience, control = Patience(2), TrainerControl(should_save=True)
    arguments = TrainingArguments(output_dir=str(tmp_path), report_to=[], use_cpu=True)
    for step, loss in enumerate(losses):
        patience.on_evaluate(arguments, TrainerState(global_step=step), control, metrics={"eval_loss": loss})
    assert (patience.spent, control.should_training_stop, control.should_save) == (spent, spent, not spent)


@pytest.mark.parametrize("began_with", [None, 3])
def test_another_patience_typed_on_resume_is_in_force(
    tmp_path: Path, card: Path, early: Run, began_with: int | None
) -> None:
    """It counts the losses before, too."""
    home = Home(tmp_path / "home")
    run_pell(home, card, "whole", interrupt_at(8), early_stopping=began_with, **FAST)
    run = resume_pell(home, card, anyway=True, early_stopping=2)
    assert (run.read_summary()["stopped_early"], run.read_summary()["steps"]) == (True, 9)
    assert outcome(run) == outcome(early)
