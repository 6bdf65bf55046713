"""LoRA+: the two halves of the adapter learn at their own rates, through a resume too."""

from pathlib import Path
from typing import Any

import pytest
import torch

from roleplay.paths import Home
from roleplay.training.trainer import PersonaTrainer
from tests.training.pell import interrupt_at, outcome, resume_pell, run_pell

PLUS: dict[str, Any] = {"loraplus_lr_ratio": 8.0, "adam_beta2": 0.9, "learning_rate": 1e-3, "dropout": 0.0}


def test_b_learns_as_many_times_faster_than_a_as_asked(
    tmp_path: Path, card: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[torch.optim.Optimizer] = []
    create = PersonaTrainer.create_optimizer

    def noted(self: PersonaTrainer, *args: Any, **options: Any) -> torch.optim.Optimizer:
        made.append(create(self, *args, **options))
        return made[-1]

    monkeypatch.setattr(PersonaTrainer, "create_optimizer", noted)
    run_pell(Home(tmp_path / "home"), card, "plus", max_steps=1, scheduler="constant", **PLUS)
    rates = sorted({group["lr"] for group in made[0].param_groups if group["params"]})
    assert rates == [pytest.approx(1e-3), pytest.approx(8e-3)]
    assert {group["betas"] for group in made[0].param_groups} == {(0.9, 0.9)}
    assert {group["weight_decay"] for group in made[0].param_groups if group["params"]} == {1e-5}


def test_a_run_with_it_goes_on_as_if_never_stopped(tmp_path: Path, card: Path) -> None:
    whole = run_pell(Home(tmp_path / "one"), card, "whole", **PLUS)
    home = Home(tmp_path / "other")
    run_pell(home, card, "halves", interrupt_at(7), **PLUS)
    assert outcome(resume_pell(home, card)) == outcome(whole)
