"""Runs as a training leaves them, without one; and processes that stand where a training does."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from roleplay.models.passport import BaseIdentity
from roleplay.paths import Home
from roleplay.training.resolve import load_presets
from roleplay.training.run import Decisions, Run, RunConfig
from roleplay.training.samples import TrainingSample, append_samples
from roleplay.training.settings import Settings

TRAINER = """
import pathlib, signal, sys, time

def stop(*_):
    print("stopped at step 7; 'roleplay train' goes on from there", flush=True)
    sys.exit(130)

signal.signal(signal.SIGINT, stop)
print("asked:", *sys.argv[1:], flush=True)
if "--lr-is-wrong" in str(sys.argv):
    sys.exit(1)
time.sleep(60)
"""
"""Says what it was asked for, then waits for Ctrl-C."""
FAILING = "print('loading'); print('error: the base is gone; put it back'); raise SystemExit(1)"


def standing_in(program: str) -> tuple[str, ...]:
    """A command that runs `program` where `roleplay train` would be."""
    return (sys.executable, "-I", "-c", program)


def write_run(
    home: Home, character: str, name: str, losses: Sequence[float], *, steps: int = 80, finished: bool = False
) -> Run:
    """A run with one held-out loss, one training loss and one reply for every ten steps."""
    run = Run(home.runs / character / name)
    run.folder.mkdir(parents=True)
    values = {key: value for key, value in load_presets()["quick"].items() if key != "about"}
    identity = BaseIdentity("pocket", None, "", "", "", None)
    decided = Decisions("cpu", "float32", 1, "sdpa")
    config = RunConfig(
        character, "quick", Settings(**values), {}, identity, "pocket", "", "", "q, k, v", decided, {"python": "3"}
    )
    run.write_config(config, "")
    lines = []
    for i, loss in enumerate(losses):
        step = 10 * i
        lines.append({"step": step, "eval_loss": loss, "epoch": i / 2})
        speed = {"samples_per_second": 8.0, "tokens_per_second": 1234.5, "steps": steps}
        lines.append({"step": step + 5, "loss": loss + 0.1, "epoch": i / 2} | speed)
        told = TrainingSample(step, i / 2, "Is there soup?", "Leek, today.", f"Reply of step {step}.")
        append_samples(run.samples, [told])
    run.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    if finished:
        run.write_summary({})
        answering(run.adapter("best"))
    return run


def answering(folder: Path) -> None:
    """An adapter that chat would look for."""
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}")
