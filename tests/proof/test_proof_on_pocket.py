"""The whole loop on `pocket`, by the commands of docs/preferences.md: minutes each."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.proof.rule import RULE

FORGOTTEN = 0.25
"""Nats per token by which the base's own answers may suffer: the limit of `evaluate --checkpoints`."""
pytestmark = pytest.mark.soak


def run(folder: Path, *command: str) -> str:
    """Standard output of a command that must succeed, in a home of its own."""
    environment = os.environ | {"ROLEPLAY_HOME": str(folder / "home"), "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def compared(folder: Path, name: str, *more: str) -> dict[str, Any]:
    """The comparison of a run with what it began with."""
    command = ("roleplay", "evaluate", "yui", "--run", name, "--against", "start", "--quick", "--json", *more)
    found: dict[str, Any] = json.loads(run(folder, *command))
    return found


def figure(found: dict[str, Any], name: str) -> dict[str, Any]:
    [one] = [one for one in found["figures"] if one["name"] == name]
    return dict(one)


def rose(found: dict[str, Any], name: str) -> bool:
    """Whether it is higher after, the two intervals apart."""
    one = figure(found, name)
    return bool(one["before"]["high"] < one["after"]["low"])


def forgotten(found: dict[str, Any]) -> float:
    one = figure(found, "retention_loss")
    return float(one["after"]["value"] - one["before"]["value"])


def test_choices_made_in_a_chat_raise_what_was_liked_on_held_out_prompts(tmp_path: Path) -> None:
    run(tmp_path, "tests.proof.person", "yui", "--rule", RULE, "--questions", "120")
    run(tmp_path, "roleplay", "data", "from-chats", "yui", "--out", "liked.yaml", "--pairs", "liked.jsonl")
    run(tmp_path, "roleplay", "train", "yui", "--stage", "dpo", "--pairs", "liked.jsonl", "--run", "liked")
    found = compared(tmp_path, "liked", "--reward", RULE)
    assert rose(found, "reward says(……)")
    assert figure(found, "implicit_accuracy")["after"]["low"] > 0.5
    assert forgotten(found) <= FORGOTTEN


def test_the_same_rule_as_a_reward_raises_it_too(tmp_path: Path) -> None:
    run(tmp_path, "roleplay", "train", "yui", "--stage", "rloo", "--reward", RULE, "--run", "rewarded")
    found = compared(tmp_path, "rewarded")
    assert rose(found, "reward says(……)")
    assert forgotten(found) <= FORGOTTEN


def test_a_reward_that_can_be_gamed_is_caught(tmp_path: Path) -> None:
    run(tmp_path, "roleplay", "train", "yui", "--stage", "rloo", "--reward", "longer(120)", "--run", "gamed")
    found = compared(tmp_path, "gamed")
    assert rose(found, "reward")
    [gamed] = [one["text"] for one in found["findings"] if one["level"] == "warning" and "gamed" in one["text"]]
    assert "longer(120)" in gamed
