"""A race: contenders in processes of their own take turns on one case, round by round."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil
import torch

from tests.bench.training.case import Case

ROOT = Path(__file__).parents[3]
QUIET = 0.1
"""A turn counts as quiet while other programs take less than this share of the cores."""


@dataclass(frozen=True)
class Turn:
    """What one turn of a contender took."""

    seconds: float
    """On the wall, of one optimizer step."""
    cpu: float
    """Of all threads of the contender, of one optimizer step."""
    others: float
    """Share of the machine's cores that other programs took meanwhile."""


@dataclass
class Outcome:
    """What one contender did."""

    name: str
    """Key of `TITLES`."""
    turns: list[Turn] = field(default_factory=list)
    """By round."""
    seconds: list[float] = field(default_factory=list)
    """Of an optimizer step, by round, on the clock that was asked for."""
    peak: int | None = None
    """Bytes of the process at its highest, libraries and model included."""
    added: int | None = None
    """Bytes that came with the steps."""
    loss: float | None = None
    """Nats per trained token at the first step."""
    gradient: torch.Tensor | None = None
    """At the first step, one vector."""
    failed: str = ""
    """Why it ended before the race did; else empty."""
    slower: float | None = None
    """Seconds of the one step it was tried with, where another setting of the same trainer was faster."""


class Runner:
    """One contender's process."""

    def __init__(self, name: str, case: Case, model: Path, folder: Path, steps: int) -> None:
        self.outcome, self.case = Outcome(name), case
        self.folder = folder / name
        self.folder.mkdir(parents=True)
        arguments = [name, json.dumps(asdict(case)), str(model), str(self.folder), str(steps)]
        environment = os.environ | {"OMP_NUM_THREADS": str(case.threads), "TOKENIZERS_PARALLELISM": "false"}
        self.log = (self.folder / "log.txt").open("w", encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.training.worker", *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self._hear()

    def turn(self, steps: int) -> Turn:
        """Let it take so many steps; infinitely long where it failed."""
        if not self.outcome.failed:
            before = _busy()
            self._say(steps)
            if heard := self._hear():
                # Rounded to the clock ticks of the system, so a hair below zero where nobody else is there.
                others = (_busy() - before - heard["cpu"]) / (heard["seconds"] * (psutil.cpu_count() or 1))
                return Turn(heard["seconds"] / steps, heard["cpu"] / steps, max(0.0, others))
        return Turn(float("inf"), float("inf"), 0.0)

    def end(self) -> Outcome:
        """Stop it and take over what it kept."""
        if not self.outcome.failed:
            self._say(0)
            heard = self._hear()
            self.outcome.peak, self.outcome.added = heard.get("peak"), heard.get("added")
            if (self.folder / "loss.json").exists():
                self.outcome.loss = json.loads((self.folder / "loss.json").read_text(encoding="utf-8"))
                self.outcome.gradient = torch.load(self.folder / "gradient.pt")
        self.process.wait()
        self.log.close()
        return self.outcome

    def _say(self, steps: int) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has died; nothing will be heard
            print(json.dumps({"steps": steps}), file=self.process.stdin, flush=True)

    def _hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            lines = (self.folder / "log.txt").read_text(encoding="utf-8").strip().splitlines()
            self.outcome.seconds, self.outcome.turns = [], []
            self.outcome.failed = lines[-1] if lines else f"ended with status {self.process.returncode}"
            return {}
        value: dict[str, Any] = json.loads(line)
        return value


def race(
    case: Case, names: Sequence[str], model: Path, folder: Path, *, rounds: int, steps: int, clock: str, patience: int
) -> tuple[list[Outcome], int]:
    """All contenders, each with `steps` optimizer steps in each of `rounds` rounds after one to warm up.

    A round that other programs disturbed is taken again, `patience` times in all. `clock` is `wall`, or `cpu`: the
    seconds of a contender's threads divided by their number. Returns the outcomes and how many rounds were disturbed.
    """
    at_most = 2 + (rounds + patience) * steps
    runners = [Runner(name, case, model, folder, at_most) for name in names]
    running = _without_slower(runners)
    disturbed = 0
    while rounds:
        turns = [(runner, runner.turn(steps)) for runner in running if not runner.outcome.failed]
        turns = [(runner, turn) for runner, turn in turns if not runner.outcome.failed]
        if clock == "wall" and any(turn.others > QUIET for _, turn in turns):
            disturbed += 1
            if disturbed <= patience:
                continue
        rounds -= 1
        for runner, turn in turns:
            runner.outcome.turns.append(turn)
            runner.outcome.seconds.append(turn.seconds if clock == "wall" else turn.cpu / case.threads)
    for runner in running:
        runner.end()
    return [runner.outcome for runner in runners], disturbed


def _without_slower(runners: Sequence[Runner]) -> list[Runner]:
    """Of TRL's two ways to make 16 samples a step, the one that is faster in a step on trial stays."""
    trials = [runner for runner in runners if runner.outcome.name in ("trl", "trl-16")]
    if len(trials) < 2:
        return list(runners)
    tried = [runner.turn(1).cpu for runner in trials]
    slower = trials[tried.index(max(tried))]
    slower.outcome.slower = max(tried) / slower.case.threads
    slower.end()
    return [runner for runner in runners if runner is not slower]


def _busy() -> float:
    """Seconds that the cores of the machine have worked for anybody."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))
