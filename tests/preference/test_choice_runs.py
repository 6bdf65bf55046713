"""Tuning by choices with TRL's trainers: every stage ends, moves as was chosen, and goes on exactly."""

import json
from pathlib import Path

import pytest

from roleplay.paths import Home
from roleplay.training.run import Run
from tests.preference.pell_choices import OF_STAGE, result, resume_choices, run_choices
from tests.training.pell import Crash, crash_at, interrupt_at

Pell = tuple[Home, Path, Path]
PAIRED = ("dpo", "kto", "rm")
ALIKE = {"kto": "dpo", "grpo": "rloo"}
"""Stages that take the way of another one here; in full they are tested in `make soak`."""
EVERY = [pytest.param(stage, marks=pytest.mark.soak if stage in ALIKE else ()) for stage in OF_STAGE]


def tuned(pell: Pell, stage: str, name: str = "tuned", **changes: object) -> Run:
    home, card, pairs = pell
    if stage in PAIRED:
        changes = {"pairs": (str(pairs),)} | changes
    return run_choices(home, card, name, stage, **changes)


@pytest.mark.parametrize("stage", ["dpo", "rm", pytest.param("kto", marks=pytest.mark.soak)])
def test_held_out_pairs_move_as_they_were_chosen(pell: Pell, stage: str) -> None:
    run = tuned(pell, stage, max_steps=24, eval_steps=8)
    told = run.read_summary()
    assert told["pairs"]["learned"] + told["pairs"]["heldout"] == 40
    assert told["heldout"]["best"]["pair_accuracy"]["value"] == 1
    assert told["heldout"]["best"]["margin"] > 1


@pytest.mark.parametrize("stage", EVERY)
def test_ctrl_c_saves_and_the_resumed_run_is_the_whole_one(pell: Pell, stage: str) -> None:
    run = tuned(pell, stage, "whole")
    summary, kind = run.read_summary(), "reward" if stage == "rm" else "adapter"
    assert (summary["steps"], summary["stage"]) == (5, stage)
    assert {path.name for path in (run.folder / kind).iterdir()} == {"best", "last"}
    assert summary["best_step"] in (2, 4, 5)
    whole = result(run)
    home, card, pairs = pell
    changes: dict[str, object] = {"pairs": (str(pairs),)} if stage in PAIRED else {}
    stopped = run_choices(home, card, "stopped", stage, interrupt_at(3), **changes)
    assert not stopped.finished
    assert result(resume_choices(home, card, "stopped")) == whole


def test_a_crash_loses_no_more_than_the_steps_since_the_checkpoint(pell: Pell) -> None:
    whole = result(tuned(pell, "dpo", "whole"))
    home, card, pairs = pell
    with pytest.raises(Crash):
        run_choices(home, card, "crashed", "dpo", crash_at(3), pairs=(str(pairs),))
    assert result(resume_choices(home, card, "crashed")) == whole


def test_the_reference_is_the_adapter_that_it_began_with(pell: Pell) -> None:
    home, _, _ = pell
    first = (home.runs / "pell" / "first" / "adapter" / "best").resolve()
    before = (first / "adapter_model.safetensors").read_bytes()
    run = tuned(pell, "dpo")
    settings = run.read_config().settings
    assert settings.from_adapter == str(first)
    assert run.read_summary()["began_with"] == str(first)
    assert (first / "adapter_model.safetensors").read_bytes() == before
    assert (run.adapter("best") / "adapter_model.safetensors").read_bytes() != before
    [entry] = [e for e in map(json.loads, run.metrics.read_text().splitlines()) if e["step"] == 0]
    assert (entry["eval_margin"], entry["eval_pair_accuracy"]) == (0, 0.5)
