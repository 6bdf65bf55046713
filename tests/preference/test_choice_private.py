"""A run by choices sends nothing to anybody, and keeps nothing but what every run keeps."""

import socket
from pathlib import Path

import pytest
import trl.trainer.base_trainer

from roleplay.paths import Home
from tests.preference.pell_choices import OF_STAGE, run_choices

Pell = tuple[Home, Path, Path]


@pytest.mark.parametrize("stage", OF_STAGE)
def test_nothing_is_sent_and_the_folder_holds_what_is_ours(
    pell: Pell, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    home, card, pairs = pell
    monkeypatch.delenv("CI", raising=False)  # where it is set, TRL sends nothing
    monkeypatch.setattr(trl.trainer.base_trainer, "send_telemetry", lambda *_, **__: pytest.fail("TRL sends"))
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("something is connected to"))
    run = run_choices(home, card, "quiet", stage, pairs=(str(pairs),), max_steps=2)
    kind = "reward" if stage == "rm" else "adapter"
    named = {
        "run.json",
        "card.yaml",
        "dialogues.jsonl",
        "metrics.jsonl",
        "summary.json",
        "heldout-pairs.jsonl",
        ".lock",
    }
    named |= {kind, "checkpoints"}
    named |= set() if stage in ("rloo", "grpo") else {"pairs.jsonl"}
    named |= set() if stage == "rm" else {"canaries.json"}
    assert {path.name for path in run.folder.iterdir()} - {"samples.jsonl"} == named
    assert [path.name for path in run.checkpoints.iterdir()] == ["checkpoint-2"]
    assert not list(run.checkpoints.rglob("README.md"))
