"""`--resume --anyway` goes on with what changed since, and with settings typed beside it."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from roleplay.cards.load import load_card
from roleplay.errors import UsageError
from roleplay.paths import Home
from roleplay.text import fingerprint
from roleplay.training.run import Run
from roleplay.training.start import Start, plan_resume
from tests.tiny import save_tiny_base
from tests.training.pell import (
    SETTINGS,
    Crash,
    crash_at,
    interrupt_at,
    metrics,
    outcome,
    resume_pell,
    run_pell,
    write_pell,
)

SHORT: dict[str, Any] = {"max_steps": 6, "logging_steps": 1, "dropout": 0.0}
"""Stopped after step 2."""


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, one_thread: None) -> Path:
    """Folder of a run stopped after two steps."""
    folder = tmp_path_factory.mktemp("half")
    return run_pell(Home(folder), write_pell(folder / "characters", tiny_base), "half", interrupt_at(2), **SHORT).folder


@pytest.fixture
def stopped(tmp_path: Path, card: Path, half: Path) -> Run:
    """A run stopped after two steps, in the test's home."""
    return Run(shutil.copytree(half, tmp_path / "home" / "runs" / "pell" / "half"))


def test_settings_as_they_are_change_nothing(tmp_path: Path, card: Path, stopped: Run, half: Path) -> None:
    other = Home(tmp_path / "other")
    plain = Run(shutil.copytree(half, other.runs / "pell" / "half"))
    resume_pell(other, card)
    resume_pell(Home(tmp_path / "home"), card, anyway=True, **SETTINGS | SHORT)
    assert outcome(stopped) == outcome(plain)
    assert stopped.read_config() == plain.read_config()
    assert "typed on resume" not in stopped.read_config().sources.values()


def test_a_changed_card_goes_on_and_is_what_the_run_was_trained_on(
    tmp_path: Path, card: Path, stopped: Run, tiny_base: Path
) -> None:
    before = stopped.read_config()
    write_pell(card.parent, tiny_base, more="tags: [new]\n")
    resume_pell(Home(tmp_path / "home"), card, anyway=True)
    after = stopped.read_config()
    assert stopped.finished
    assert after.card == fingerprint(card.read_bytes()) != before.card
    assert after.dataset == before.dataset
    assert (stopped.folder / "card.yaml").read_bytes() == card.read_bytes()


def test_a_changed_corpus_goes_on_and_is_what_the_run_was_trained_on(
    tmp_path: Path, card: Path, stopped: Run, tiny_base: Path
) -> None:
    before = stopped.read_config()
    talk = (card.parent / "pell" / "talk.yaml").read_text() + "- - user: New?\n  - char: Brand new.\n"
    write_pell(card.parent, tiny_base, talk=talk)
    resume_pell(Home(tmp_path / "home"), card, anyway=True)
    after = stopped.read_config()
    assert stopped.read_summary()["steps"] == 6
    assert after.dataset != before.dataset
    assert after.card == before.card
    assert "Brand new." in stopped.dialogues.read_text()


def test_another_base_of_the_same_shape_goes_on(
    tmp_path: Path, card: Path, stopped: Run, chatml_tokenizer: PreTrainedTokenizerFast
) -> None:
    before = stopped.read_config()
    other = save_tiny_base(tmp_path / "other", chatml_tokenizer, seed=1)
    resume_pell(Home(tmp_path / "home"), card, anyway=True, base=str(other))
    after = stopped.read_config()
    assert stopped.finished
    assert after.base.weights != before.base.weights
    assert after.base_source == str(other)


def rates(run: Run) -> dict[int, float]:
    """Learning rates by step."""
    return {entry["step"]: entry["learning_rate"] for entry in metrics(run) if "learning_rate" in entry}


def cosine(step: int) -> float:
    """Share of the peak at a step of six, the first of which is step 1."""
    return 0.5 * (1 + math.cos(math.pi * (step - 1) / 6))


def test_a_typed_learning_rate_is_in_force_on_the_same_curve(tmp_path: Path, card: Path, stopped: Run) -> None:
    resume_pell(Home(tmp_path / "home"), card, anyway=True, learning_rate=1e-4)
    expected = {step: (5e-3 if step <= 2 else 1e-4) * cosine(step) for step in range(1, 7)}
    assert rates(stopped) == pytest.approx(expected)
    assert stopped.read_config().settings.learning_rate == 1e-4
    assert stopped.read_config().sources["learning_rate"] == "typed on resume"
    assert stopped.read_config().sources["rank"] == "typed"


def test_a_typed_learning_rate_stays_in_force_through_interruptions(
    tmp_path: Path, card: Path, stopped: Run, half: Path
) -> None:
    resume_pell(Home(tmp_path / "home"), card, anyway=True, learning_rate=1e-4)
    other = Home(tmp_path / "other")
    again = Run(shutil.copytree(half, other.runs / "pell" / "half"))
    with pytest.raises(Crash):  # before any checkpoint that holds the new rate
        resume_pell(other, card, None, crash_at(4), anyway=True, learning_rate=1e-4)
    resume_pell(other, card, None, interrupt_at(4))
    resume_pell(other, card)
    assert outcome(again) == outcome(stopped)


def test_typed_decay_and_betas_are_in_force(tmp_path: Path, card: Path, stopped: Run) -> None:
    before = groups(stopped, 2)
    assert {(group["weight_decay"], *group["betas"]) for group in before} == {(1e-5, 0.9, 0.999)}
    resume_pell(Home(tmp_path / "home"), card, None, interrupt_at(3), anyway=True, weight_decay=0.5, adam_beta2=0.9)
    after = groups(stopped, 3)
    assert {(group["weight_decay"], *group["betas"]) for group in after} == {(0.5, 0.9, 0.9)}
    assert {group["initial_lr"] for group in after} == {5e-3}


def groups(run: Run, step: int) -> list[dict[str, Any]]:
    """Parameter groups of the optimizer in a checkpoint, those that hold parameters."""
    state = torch.load(run.checkpoints / f"checkpoint-{step}" / "optimizer.pt", weights_only=True)
    return [group for group in state["param_groups"] if group["params"]]


def test_what_the_optimizer_has_learned_stays(tmp_path: Path, card: Path, stopped: Run) -> None:
    """A rate of almost nothing leaves the moments to decay from what they were, not from zero."""
    resume_pell(Home(tmp_path / "home"), card, None, interrupt_at(3), anyway=True, learning_rate=1e-12)
    before, after = (
        torch.load(stopped.checkpoints / f"checkpoint-{step}" / "optimizer.pt", weights_only=True)["state"]
        for step in (2, 3)
    )
    assert {float(part["step"]) for part in after.values()} == {3.0}
    assert all(float(after[key]["exp_avg_sq"].sum()) >= 0.99 * float(before[key]["exp_avg_sq"].sum()) for key in before)


def test_another_number_of_steps_stretches_the_curve(tmp_path: Path, card: Path, stopped: Run) -> None:
    resume_pell(Home(tmp_path / "home"), card, anyway=True, max_steps=8)
    later = {step: 5e-3 * 0.5 * (1 + math.cos(math.pi * (step - 1) / 8)) for step in range(3, 9)}
    assert {step: rate for step, rate in rates(stopped).items() if step > 2} == pytest.approx(later)
    assert stopped.read_summary()["steps"] == 8


def test_another_scheduler_is_in_force(tmp_path: Path, card: Path, stopped: Run) -> None:
    resume_pell(Home(tmp_path / "home"), card, anyway=True, scheduler="constant")
    assert [rate for step, rate in rates(stopped).items() if step > 2] == [5e-3] * 4


def test_it_logs_measures_and_saves_as_often_as_typed(tmp_path: Path, card: Path, stopped: Run) -> None:
    resume_pell(Home(tmp_path / "home"), card, anyway=True, logging_steps=2, eval_steps=1, save_steps=3, max_steps=7)
    entries = [entry for entry in metrics(stopped) if entry["step"] > 2]
    assert [entry["step"] for entry in entries if "loss" in entry] == [4, 6]
    assert [entry["step"] for entry in entries if "eval_loss" in entry] == [3, 4, 5, 6, 7]
    assert {path.name for path in stopped.checkpoints.iterdir()} == {"checkpoint-6", "checkpoint-7"}


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"rank": 3}, "rank 3 (the run has 16) was typed; leave it out, or start a new run"),
        ({"alpha": 3.0}, "alpha 3.0 (the run has 64.0) was typed; leave it out, or start a new run"),
        ({"seed": 3}, "seed 3 (the run has 0) was typed; leave it out, or start a new run"),
        ({"rslora": True}, "rslora True (the run has False)"),
        ({"tuning": "full"}, "tuning full (the run has lora)"),
        ({"stage": "pt"}, "stage pt (the run has sft)"),
        ({"from_adapter": "latest"}, "from_adapter latest (the run has None)"),
        ({"learning_rate": 1.0, "seed": 3}, "learning_rate 1.0 (the run has 0.005), seed 3 (the run has 0)"),
        ({"scheduler": "greedy"}, "scheduler greedy (the run has cosine) was typed; leave it out, or start a new run"),
        ({"preset": "quick"}, "preset quick (the run has founding)"),
        ({"learning_rate": -1.0}, "--learning-rate: input should be greater than 0"),
        ({"replay": 0.5}, "--replay repeats the run of --from-adapter; name one"),
    ],
)
def test_what_a_checkpoint_already_holds_is_refused_even_so(
    tmp_path: Path, card: Path, stopped: Run, typed: dict[str, Any], told: str
) -> None:
    before = (stopped.folder / "run.json").read_bytes()
    preset, settings = typed.get("preset"), {key: value for key, value in typed.items() if key != "preset"}
    with pytest.raises(UsageError) as caught:
        plan_resume(Home(tmp_path / "home"), Start(load_card(card), None, preset, settings, None), anyway=True)
    assert told in str(caught.value)
    assert (stopped.folder / "run.json").read_bytes() == before


@pytest.mark.parametrize("typed", [{"scheduler": "cosine"}, {"scheduler_options": {"factor": 0.2}}])
def test_a_schedule_that_follows_the_losses_is_kept_as_its_checkpoint_has_it(
    tmp_path: Path, card: Path, stopped: Run, typed: dict[str, Any]
) -> None:
    path = stopped.folder / "run.json"
    value = json.loads(path.read_text())
    value["settings"] |= {"scheduler": "reduce_lr_on_plateau", "scheduler_options": {"factor": 0.5}}
    path.write_text(json.dumps(value))
    with pytest.raises(UsageError, match="was typed; leave it out, or start a new run"):
        plan_resume(Home(tmp_path / "home"), Start(load_card(card), None, None, typed, None), anyway=True)


def test_without_it_the_remedy_names_it(tmp_path: Path, card: Path, stopped: Run) -> None:
    start = Start(load_card(card), None, None, {"learning_rate": 1e-4}, None)
    with pytest.raises(UsageError, match="leave it out, accept it with --anyway, or start a new run"):
        plan_resume(Home(tmp_path / "home"), start)


def test_decisions_are_made_anew_only_where_something_they_rest_on_was_typed(
    tmp_path: Path, card: Path, stopped: Run
) -> None:
    path = stopped.folder / "run.json"
    value = json.loads(path.read_text())
    value["decisions"]["attention"] = "sdpa"
    path.write_text(json.dumps(value))
    home = Home(tmp_path / "home")
    resume_pell(home, card, None, interrupt_at(3), anyway=True, weight_decay=0.1)
    assert stopped.read_config().decisions.attention == "sdpa"
    resume_pell(home, card, None, interrupt_at(4), anyway=True, batching="padded")
    assert stopped.read_config().decisions.attention == "eager"
