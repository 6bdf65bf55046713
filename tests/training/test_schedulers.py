"""Every schedule of the learning rate that can be named, and the options that make none."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from roleplay.cards.load import load_card
from roleplay.errors import UsageError
from roleplay.paths import Home
from roleplay.training.prepare import Job
from roleplay.training.resolve import load_presets
from roleplay.training.run import Run
from roleplay.training.schedule import check_scheduler
from roleplay.training.settings import Scheduler, Settings
from roleplay.training.start import Start, load, plan_new
from roleplay.training.tune import Beside, make_trainer
from tests.training.pell import SETTINGS, interrupt_at, metrics, outcome, resume_pell, run_pell, write_pell

OPTIONS: dict[str, dict[str, Any]] = {
    "cosine_with_restarts": {"num_cycles": 2},
    "polynomial": {"lr_end": 1e-5, "power": 2.0},
    "inverse_sqrt": {"timescale": 4},
    "reduce_lr_on_plateau": {"factor": 0.5, "patience": 0},
    "cosine_with_min_lr": {"min_lr": 1e-4},
    "cosine_warmup_with_min_lr": {"min_lr_rate": 0.1, "warmup_lr_rate": 0.2},
    "warmup_stable_decay": {"num_decay_steps": 1, "decay_type": "linear"},
    "greedy": {"min_lr": 1e-4, "factor": 0.9, "patience": 0},
}
"""For those that take any."""
RATES = {
    "linear": [0.0, 5e-3],
    "cosine": [0.0, 5e-3],
    "cosine_with_restarts": [0.0, 5e-3],
    "polynomial": [0.0, 5e-3],
    "constant": [5e-3, 5e-3],
    "constant_with_warmup": [0.0, 5e-3],
    "inverse_sqrt": [0.0, 5e-3],
    "reduce_lr_on_plateau": [5e-3, 5e-3],
    "cosine_with_min_lr": [0.0, 5e-3],
    "cosine_warmup_with_min_lr": [1e-3, 5e-4],
    "warmup_stable_decay": [0.0, 5e-3],
    "greedy": [5e-3, 5e-3 / 0.9],
}
"""Of two steps, the first of which warms up where there is a warm-up."""


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, one_thread: None) -> Job:
    """A run that is ready to train; its settings are replaced."""
    folder = tmp_path_factory.mktemp("job")
    typed = SETTINGS | {"max_steps": 2, "logging_steps": 1, "eval_steps": 1, "dropout": 0.0, "warmup_steps": 1}
    start = Start(load_card(write_pell(folder / "characters", tiny_base)), None, None, typed, "job")
    return load(plan_new(Home(folder / "home"), start), start)


def settings(**changes: Any) -> Settings:
    """Those of the founding preset, but for `changes`."""
    preset = {key: value for key, value in load_presets()["founding"].items() if key != "about"}
    return Settings.model_validate(preset | {"learning_rate": 5e-3} | changes)


def test_every_scheduler_has_its_row_here() -> None:
    assert list(RATES) == list(get_args(Scheduler))


@pytest.mark.parametrize("name", get_args(Scheduler))
def test_every_scheduler_trains(job: Job, name: str) -> None:
    chosen = job.config.settings.model_copy(update={"scheduler": name, "scheduler_options": OPTIONS.get(name, {})})
    check_scheduler(chosen, steps=2, heldout=True)
    trainer = make_trainer(
        replace(job, config=replace(job.config, settings=chosen)),
        heldout=[job.corpus.sample(row) for row in job.corpus.heldout()],
        beside=Beside(),
    )
    trainer.train()
    assert [entry["learning_rate"] for entry in trainer.state.log_history if "learning_rate" in entry] == RATES[name]


BY_LOSS: dict[str, Any] = {
    "max_steps": 5,
    "scheduler_options": {"factor": 0.5, "patience": 0, "threshold": 1e9, "min_lr": 1e-6},
    "logging_steps": 1,
    "eval_steps": 1,
}
"""Every loss but the first counts as a bad one, so that the rate falls step by step."""


@pytest.mark.parametrize(
    ("name", "anyway"),
    [
        ("reduce_lr_on_plateau", False),
        ("greedy", True),
        pytest.param("reduce_lr_on_plateau", True, marks=pytest.mark.soak),
        pytest.param("greedy", False, marks=pytest.mark.soak),
    ],
)
def test_a_schedule_that_follows_the_losses_goes_on_where_it_stopped(
    tmp_path: Path, card: Path, name: str, anyway: bool
) -> None:
    whole = run_pell(Home(tmp_path / "one"), card, "whole", scheduler=name, **BY_LOSS)
    home = Home(tmp_path / "other")
    run_pell(home, card, "halves", interrupt_at(2), scheduler=name, **BY_LOSS)
    assert outcome(resume_pell(home, card, anyway=anyway)) == outcome(whole)
    assert rates(whole)[-1] < 5e-3 / 2


def test_a_rate_typed_on_resume_is_lowered_as_often_as_the_one_before(tmp_path: Path, card: Path) -> None:
    home = Home(tmp_path / "home")
    name = "reduce_lr_on_plateau"
    run_pell(home, card, "run", interrupt_at(3), scheduler=name, **BY_LOSS)
    resume_pell(home, card, None, interrupt_at(4), anyway=True, learning_rate=1e-3)
    run = resume_pell(home, card)
    assert rates(run) == pytest.approx([5e-3, 2.5e-3, 1.25e-3, 1e-3 / 8, 1e-3 / 16])


def rates(run: Run) -> list[float]:
    """Learning rates of all steps."""
    return [entry["learning_rate"] for entry in metrics(run) if "learning_rate" in entry]


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("cosine_with_min_lr", {}, "min_lr or min_lr_rate should be set"),
        ("cosine_with_min_lr", {"min_lr": 1e-4, "min_lr_rate": 0.1}, "Only one of min_lr or min_lr_rate"),
        ("cosine_warmup_with_min_lr", {}, "min_lr or min_lr_rate should be set"),
        ("warmup_stable_decay", {}, "'num_decay_steps'"),
        ("warmup_stable_decay", {"num_decay_steps": 2, "decay_type": "steep"}, "Unknown decay type: steep"),
        ("warmup_stable_decay", {"num_decay_steps": 2, "num_stable_steps": 2}, "num_stable_steps cannot be set"),
        ("polynomial", {"lr_end": 1.0}, "lr_end (1.0) must be smaller than initial lr (0.005)"),
        ("inverse_sqrt", {"timescale": 0}, "division by zero"),
        ("cosine_with_restarts", {"num_cycles": "two"}, "num_cycles"),
        ("cosine", {"min_lr": 1e-4}, "min_lr cannot be set; cosine takes num_cycles"),
        ("cosine", {"last_epoch": 3}, "last_epoch cannot be set; cosine takes num_cycles"),
        ("linear", {"power": 2}, "power cannot be set; linear takes none"),
        ("constant", {"factor": 0.5}, "factor cannot be set; constant takes none"),
        ("constant_with_warmup", {"factor": 0.5}, "factor cannot be set; constant_with_warmup takes none"),
        ("reduce_lr_on_plateau", {"factor": 2.0}, "Factor should be < 1.0"),
        ("reduce_lr_on_plateau", {"patience": "long"}, "reduce_lr_on_plateau takes factor, patience, threshold"),
        ("reduce_lr_on_plateau", {"mode": "max"}, "mode cannot be set"),
        ("greedy", {"verbose": True}, "verbose cannot be set"),
        ("greedy", {"min_lr": 0.01}, "its min_lr, which is 0.01, and --learning-rate is 0.005"),
        ("polynomial", {"lr_end": -1.0}, "the learning rate would become -0.0955"),
        ("cosine", {"num_cycles": float("inf")}, ""),
    ],
)
def test_options_that_make_no_schedule_are_wrong_usage_that_says_what_is_taken(
    name: str, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(UsageError) as caught:
        check_scheduler(
            settings(scheduler=name).model_copy(update={"scheduler_options": options}), steps=10, heldout=True
        )
    assert told in str(caught.value)
    assert "--scheduler-options" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["reduce_lr_on_plateau", "greedy"])
def test_a_schedule_that_follows_the_losses_needs_some(name: str) -> None:
    asked = settings(scheduler=name)
    check_scheduler(asked, steps=10, heldout=True)
    with pytest.raises(UsageError, match=f"--scheduler {name} follows held-out losses and no dialogue or text is held"):
        check_scheduler(asked, steps=10, heldout=False)


def test_an_untouched_greedy_schedule_on_a_small_rate_is_refused() -> None:
    """Its own lower bound is 0.001: below that it could only rise."""
    with pytest.raises(UsageError, match=r"min_lr, which is 0\.001, and --learning-rate is 5e-05"):
        check_scheduler(settings(scheduler="greedy", learning_rate=5e-5), steps=10, heldout=True)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"scheduler": "warmup_stable_decay"}, "num_decay_steps"),
        ({"scheduler": "reduce_lr_on_plateau"}, "follows held-out losses"),
    ],
)
def test_a_run_is_refused_before_its_base_is_loaded(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], told: str
) -> None:
    def loaded(*_: Any, **__: Any) -> Callable[..., Any]:
        raise AssertionError("the base was loaded")

    card = write_pell(tmp_path, tiny_base, desc="- - user: A?\n  - char: B.\n", talk="- - user: C?\n  - char: D.\n")
    start = Start(load_card(card), None, None, changes, None)
    plan = plan_new(Home(tmp_path / "home"), start)
    monkeypatch.setattr("roleplay.training.prepare.load_base", loaded)
    with pytest.raises(UsageError, match=told):
        load(plan, start)
    assert not plan.run.folder.exists()
