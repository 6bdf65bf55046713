"""`roleplay train --stage dpo|kto|rm|rloo|grpo`: what a person is told of a run by choices, of its plan and its end."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from roleplay.paths import Home
from tests.cli.conftest import Outcome, refused, roleplay
from tests.preference.pell_choices import pell_pairs, write_pell_pairs

BRIEF = [
    *("--max-steps", "2", "--batch-size", "2", "--grad-accum", "2", "--dtype", "float32"),
    *("--logging-steps", "1", "--eval-steps", "1", "--warmup-steps", "0"),
]
DRAWN = ["--reward", "shorter(6) + longer(30)", "--generations", "2", "--max-new-tokens", "6"]
STAGES = ("dpo", "kto", "rm", "rloo", "grpo")


@pytest.fixture
def tuned(tuned_pell: Path, project: Path) -> Path:
    """Pell's card with her finished run called `whole`, and her pairs in `pairs.jsonl`."""
    write_pell_pairs(project / "pairs.jsonl")
    return tuned_pell


def train(stage: str, *flags: object) -> Outcome:
    given = DRAWN if stage in ("rloo", "grpo") else ["--pairs", "pairs.jsonl"]
    return roleplay("train", "pell", "--stage", stage, *BRIEF, *given, "--run", "tried", *flags)


def everything(home: Home) -> set[Path]:
    return set(home.root.rglob("*"))


# From here on, plans.


@pytest.mark.parametrize("stage", STAGES)
def test_a_plan_tells_what_a_run_would_be_and_leaves_no_trace(tuned: Path, home: Home, stage: str) -> None:
    before = everything(home)
    told = train(stage, "--plan", "--json")
    plan = told.json
    assert (told.status, plan["stage"], plan["steps"], plan["character"]) == (0, stage, 2, "pell")
    drawn = stage in ("rloo", "grpo")
    assert (plan["pairs"] + plan["heldout_pairs"], plan["prompts"] > 0) == ((0, True) if drawn else (40, False))
    assert plan["seconds"] == pytest.approx(2 * plan["seconds_per_step"])
    assert plan["peak"] > 0
    assert everything(home) == before


def test_a_person_reads_a_few_lines(tuned: Path, project: Path) -> None:
    write_pell_pairs(
        project / "pairs.jsonl", [*pell_pairs(), replace(pell_pairs()[0], prefixes=("hat",), chosen="Aye")]
    )
    lines = train("dpo", "--plan").out.splitlines()
    assert [line.split()[0] for line in lines] == ["pell", "left", "pairs", "trained", "memory", "time"]
    assert lines[1] == "left out 1 pairs: they ask with a prefix that the card does not have"


def test_a_person_reads_of_prompts_where_replies_are_drawn(tuned: Path) -> None:
    lines = train("rloo", "--plan").out.splitlines()
    assert [line.split()[0] for line in lines] == ["pell", "prompts", "trained", "memory", "time"]
    assert lines[1].endswith("rewarded for shorter(6) + longer(30)")


# From here on, runs.


def test_a_run_tells_what_it_learns_from_what_is_left_out_and_what_came_of_it(
    tuned: Path, project: Path, home: Home
) -> None:
    around = replace(pell_pairs()[0], chosen=pell_pairs()[0].rejected, rejected=pell_pairs()[0].chosen)
    write_pell_pairs(project / "pairs.jsonl", [*pell_pairs(), around])
    told = train("dpo", "--json")
    assert told.status == 0
    summary: dict[str, Any] = told.json
    assert summary["pairs"]["left_out"] == {"contradict each other": 2}
    assert summary["pairs"]["learned"] + summary["pairs"]["heldout"] == 39
    assert "left out of the pairs, 2: they contradict each other" in told.err
    assert "begins with home/runs/pell/whole/adapter/best, and is held to it (beta 0.1)" in told.err.replace(
        str(home.root.parent) + "/", ""
    )
    shown = roleplay("runs", "show", "pell", "tried").out
    assert "held-out pairs that moved as they were chosen: " in shown
    assert [row["run"] for row in roleplay("runs", "list", "pell", "--json").json] == ["tried", "whole"]
    settings = json.loads((home.runs / "pell" / "tried" / "run.json").read_text())["settings"]
    assert settings["pairs"] == [str(project / "pairs.jsonl")]


def test_a_reward_model_is_shown_and_evaluates_to_an_error(tuned: Path) -> None:
    assert train("rm").status == 0
    shown = roleplay("runs", "show", "pell", "tried").out
    assert "reward   " in shown
    assert "tried/reward/best" in shown
    for command in (["evaluate", "pell", "--run", "tried"], ["runs", "promote", "pell", "tried"]):
        said = refused(roleplay(*command), 1)
        assert "reward model, which answers nothing" in said
    assert "did you mean" in refused(roleplay("pack", "export", "pell", "--which", "tried@best"), 1)


# From here on, what cannot be.


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--stage", "dpo"], "--stage dpo learns from pairs; name with --pairs what 'roleplay data from-chats'"),
        (["--stage", "rloo"], "--stage rloo draws replies; say with --reward what is good"),
        (["--stage", "rloo", "--reward", "stopp"], "the reward 'stopp': 'stopp' is no reward; did you mean 'stop'?"),
        (
            ["--stage", "dpo", "--pairs", "pairs.jsonl", "--reward", "stop"],
            "--stage dpo draws none; choose rloo or grpo",
        ),
        (["--pairs", "pairs.jsonl"], "--pairs is about choices, and --stage sft trains none"),
        (
            ["--stage", "rloo", "--reward", "stop", "--batch-size", 3, "--grad-accum", 2, "--generations", 8],
            "--batch-size times --grad-accum is 6 replies a step, which is no multiple of the 8 --generations",
        ),
        (["--stage", "dpo", "--pairs", "pairs.jsonl", "--tuning", "full"], "--stage dpo moves an adapter"),
        (
            ["--stage", "dpo", "--pairs", "pairs.jsonl", "--batching", "tree"],
            "--stage dpo computes no trees",
        ),
        (["--stage", "dpo", "--pairs", "pairs.jsonl", "--beta", 0], "--stage dpo needs a --beta above 0"),
        (
            ["--stage", "rm", "--pairs", "pairs.jsonl", "--from-adapter", "whole"],
            "--stage rm begins with a LoRA of its",
        ),
        (["--stage", "grpo", *DRAWN, "--batch-size", 99, "--grad-accum", 2], "and a step takes 99; lower --batch-size"),
        (["--stage", "grpo", *DRAWN, "--max-new-tokens", 500], "0 trained questions that leave room for 500 new"),
    ],
)
def test_settings_that_cannot_be_are_wrong_usage(tuned: Path, home: Home, flags: list[object], told: str) -> None:
    said = refused(roleplay("train", "pell", *flags, "--run", "bad"), 2)
    assert told in said
    assert said.count("\n") == 1
    assert not (home.runs / "pell" / "bad" / "run.json").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "none.jsonl: cannot be read"),
        ("", "none.jsonl: holds no pair"),
        ("{}\n", "none.jsonl:1: turns: is missing"),
    ],
    ids=["missing", "empty", "one-sided"],
)
def test_pairs_that_cannot_be_read_are_named(
    tuned: Path, project: Path, home: Home, text: str | None, told: str
) -> None:
    if text is not None:
        (project / "none.jsonl").write_text(text)
    assert told in refused(train("dpo", "--pairs", "none.jsonl"), 1)
    assert not (home.runs / "pell" / "tried" / "run.json").exists()


def test_an_adapter_to_begin_with_has_to_be_there(pell: Path, project: Path, home: Home) -> None:
    write_pell_pairs(project / "pairs.jsonl")
    said = refused(train("dpo"), 1)
    assert "pell has no adapter to go on from; 'roleplay train pell' alone begins one" in said
    assert not home.root.exists()


def test_the_extra_that_is_not_installed_is_named(tuned: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None if name == "trl" else find(name, *rest))
    for flags in ([], ["--plan"]):
        assert "pip install 'roleplay[preference]'" in refused(train("dpo", *flags), 2)
    assert not (home.runs / "pell" / "tried").exists()


@pytest.mark.parametrize("grid", ["beta=0.1,0.2", "reward=stop", "pairs=a"])
def test_a_grid_holds_no_settings_of_choices(tuned: Path, grid: str) -> None:
    said = refused(roleplay("sweep", "pell", "--grid", grid), 2)
    assert "is about choices, and a sweep trains dialogues or texts; leave it out of the grid" in said
