"""`roleplay train --plan`: what a run would be, told without making it."""

from pathlib import Path

import pytest

from roleplay.paths import Home
from tests.cli.conftest import SHORT, Trained, refused, roleplay

TREE = [*SHORT[: SHORT.index("--dropout")], "--dtype", "float32"]


def test_it_tells_steps_tokens_memory_and_time_and_writes_nothing(pell: Path, home: Home, trained: Trained) -> None:
    told = roleplay("train", "pell", *TREE, "--plan", "--json")
    plan, summary = told.json, trained.outcome.json
    assert told.status == 0
    assert not home.root.exists()
    assert (plan["steps"], plan["parameters"], plan["targets"]) == (
        summary["steps"],
        summary["parameters"],
        summary["targets"],
    )
    assert (plan["samples_per_step"], plan["batching"], plan["batching_because"]) == (4, "tree", "")
    assert plan["tree_tokens"] < plan["padded_tokens"]
    assert plan["memory"]["trained"] == plan["memory"]["gradients"] == 4 * plan["parameters"]
    assert plan["memory"]["optimizer"] == 8 * plan["parameters"]
    assert plan["memory"]["peak"] > plan["memory"]["base"] > 0
    assert plan["seconds"] == pytest.approx(30 * plan["seconds_per_step"])
    assert plan["seconds_per_step"] > 0


def test_steps_are_those_of_the_epochs(pell: Path) -> None:
    counts = roleplay("data", "build", "pell", "--json").json
    plan = roleplay("train", "pell", *TREE[2:], "--epochs", "2.5", "--plan", "--json").json
    assert plan["counts"]["samples"] == counts["samples"]
    assert plan["steps"] == -(-5 * -(-counts["samples"] // 4) // 2)


def test_a_person_reads_a_few_lines_and_why_samples_are_padded(pell: Path) -> None:
    told = roleplay("train", "pell", *SHORT, "--plan")
    assert [line.split()[0] for line in told.out.splitlines()] == [
        *("pell", "samples", "limit", "step", "trained", "memory", "time")
    ]
    assert "computed padded (with dropout every pass is another)" in told.out
    assert "30 steps of " in told.out


def test_it_is_about_a_new_run(pell: Path) -> None:
    assert "--plan is about a new run" in refused(roleplay("train", "pell", "--plan", "--resume"), 2)
