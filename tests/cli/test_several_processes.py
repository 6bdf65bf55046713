"""`roleplay train` under torchrun and accelerate: several processes train as one, speak as one and stop as one."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file

from roleplay.paths import Home, shipped
from roleplay.training.checkpoints import newest_step
from roleplay.training.run import Run, read_metrics, runs_of
from tests.cli.conftest import SHORT, Outcome, roleplay
from tests.training.pell import write_pell

EXACT = [*SHORT, "--dropout", "0", "--learning-rate", "1e-3", "--json"]
"""As `SHORT`, but without what every process would draw for itself, and slow enough that rounding stays rounding."""
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "roleplay"]
ACCELERATE = [
    *("-m", "accelerate.commands.launch", "--config_file", str(shipped() / "data" / "accelerate" / "cpu.yaml")),
    *("--main_process_port", "0", "-m", "roleplay"),
]
TALK = ("loading ", "adapter on ", "founding: ", "going on ", "stopped at ", "error: ")
PATIENCE = 240.0
"""Seconds until a launch is given up: it imports everything three times."""


class Launched:
    """A launcher with its processes, in a process group of their own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder, self.home = folder, Home(folder / "home")
        own = {"ROLEPLAY_HOME": str(self.home.root), "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}
        with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=folder,
                env=os.environ | own,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )

    @property
    def err(self) -> str:
        """Standard error so far."""
        return (self.folder / "err").read_text(encoding="utf-8")

    def wait_for(self, text: str) -> None:
        """Until it was said."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.err:
            assert self.process.poll() is None, self.err
            assert time.monotonic() < deadline, self.err
            time.sleep(0.01)

    def end(self) -> Outcome:
        """What it left, once all of it has ended."""
        try:
            status = self.process.wait(PATIENCE)
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
        return Outcome(status, (self.folder / "out").read_text(encoding="utf-8"), self.err)

    @property
    def run(self) -> Run:
        """The only run of its home."""
        (run,) = runs_of(self.home, "pell")
        return run


Launcher = Callable[..., Launched]


@pytest.fixture(scope="module")
def launch(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Iterator[Launcher]:
    """Starts a launcher in a folder of its own with Pell's card."""
    launched: list[Launched] = []

    def begin(*arguments: str) -> Launched:
        folder = tmp_path_factory.mktemp("launched")
        write_pell(folder / "characters", tiny_base)
        launched.append(Launched(folder, *arguments))
        return launched[-1]

    yield begin
    for each in launched:
        if each.process.poll() is None:
            os.killpg(each.process.pid, signal.SIGKILL)
            each.process.wait()


def in_one_process(folder: Path, *arguments: str) -> Outcome:
    """The command in this process, in the place of a launch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("ROLEPLAY_HOME", str(folder / "home"))
        return roleplay(*arguments)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, one_thread: None) -> Run:
    """The same run in one process."""
    folder = tmp_path_factory.mktemp("alone")
    write_pell(folder / "characters", tiny_base)
    assert in_one_process(folder, "train", "pell", *EXACT).status == 0
    (run,) = runs_of(Home(folder / "home"), "pell")
    return run


@dataclass(frozen=True)
class Ended:
    """A launch that is over."""

    launched: Launched
    """Where it was."""
    outcome: Outcome
    """What it left."""


@pytest.fixture(scope="module")
def interrupted(launch: Launcher) -> Ended:
    """A run of two processes under accelerate, ended by Ctrl-C in the middle; only its resumption changes it."""
    launched = launch(*ACCELERATE, "train", "pell", *EXACT)
    launched.wait_for("step 12/30")
    os.killpg(launched.process.pid, signal.SIGINT)
    return Ended(launched, launched.end())


def talk(outcome: Outcome) -> Counter[str]:
    """How often each kind of line was said; launchers talk on the same stream."""
    return Counter(kind for line in outcome.err.splitlines() for kind in TALK if line.startswith(kind))


def assert_same_result(run: Run, alone: Run, apart: tuple[str, int] | None = None) -> None:
    """Weights and losses to 1e-5: sums of two halves round differently.

    The loss told first after an interruption, `apart`, is the mean of the steps since then, not of four.
    """
    for which in ("best", "last"):
        one, other = (load_file(each.adapter(which) / "adapter_model.safetensors") for each in (alone, run))
        assert one.keys() == other.keys()
        both = [torch.cat([part.flatten() for _, part in sorted(parts.items())]) for parts in (one, other)]
        assert (both[0] - both[1]).norm() <= 1e-5 * both[0].norm()
    told, expected = losses(run), losses(alone)
    assert told.keys() == expected.keys()
    assert all(told[key] == pytest.approx(expected[key], rel=1e-5) for key in told if key != apart)


def losses(run: Run) -> dict[tuple[str, int], float]:
    entries = read_metrics(run.metrics)
    return {(key, entry["step"]): entry[key] for entry in entries for key in ("loss", "eval_loss") if key in entry}


def test_ctrl_c_to_all_of_them_saves_once_and_stops(interrupted: Ended) -> None:
    told, run = interrupted.outcome, interrupted.launched.run
    assert told.status != 0
    assert not re.search(r'File ".*/roleplay/', told.err), "only launchers may show where they were"
    summary = json.loads(told.out)
    assert not summary["finished"]
    assert 12 <= summary["step"] < 30
    assert newest_step(run.checkpoints) == summary["step"]
    assert f"stopped at step {summary['step']}; 'roleplay train pell --resume' goes on from there" in told.err
    assert not run.finished


def test_they_talk_as_one(interrupted: Ended) -> None:
    told = interrupted.outcome
    assert talk(told) == {"loading ": 1, "adapter on ": 1, "founding: ": 1, "stopped at ": 1}
    steps = re.findall(r"^step (\d+)/30 ", told.err, re.MULTILINE)
    assert len(steps) > 5
    assert steps == sorted(set(steps), key=int)


def test_each_metric_is_written_once(interrupted: Ended) -> None:
    run = interrupted.launched.run
    done, entries = newest_step(run.checkpoints) or 0, read_metrics(run.metrics)
    assert [entry["step"] for entry in entries if "loss" in entry] == list(range(4, done + 1, 4))
    assert [entry["step"] for entry in entries if "eval_loss" in entry] == list(range(0, done + 1, 10))


def test_two_processes_go_the_way_of_one_which_finishes_what_they_began(interrupted: Ended, alone: Run) -> None:
    run = interrupted.launched.run
    done = newest_step(run.checkpoints) or 0
    config = run.read_config()
    assert config.environment["processes"] == "2"
    assert config.decisions == alone.read_config().decisions
    assert config.decisions.batching == "tree"
    told = in_one_process(interrupted.launched.folder, "train", "pell", "--resume", "--json")
    assert told.status == 0, told.err
    assert run.finished
    assert_same_result(run, alone, apart=("loss", done // 4 * 4 + 4) if done % 4 else None)


# From here on, a launch for each.


@pytest.mark.soak
def test_two_processes_make_the_adapter_of_one_and_print_one_summary(launch: Launcher, alone: Run) -> None:
    launched = launch(*TORCHRUN, "train", "pell", *EXACT)
    outcome = launched.end()
    assert outcome.status == 0, outcome.err
    assert_same_result(launched.run, alone)
    summary = json.loads(outcome.out)
    assert summary == launched.run.read_summary()
    assert summary.keys() == alone.read_summary().keys()
    assert talk(outcome) == {"loading ": 1, "adapter on ": 1, "founding: ": 1}


@pytest.mark.soak
def test_two_processes_finish_what_one_began(launch: Launcher, alone: Run, tmp_path: Path) -> None:
    begun = launch("-m", "roleplay", "train", "pell", *EXACT)
    begun.wait_for("step 3/30")
    begun.process.send_signal(signal.SIGINT)
    assert begun.end().status == 130
    resumed = Launched(begun.folder, *TORCHRUN, "train", "pell", "--resume")
    assert resumed.end().status == 0
    assert_same_result(resumed.run, alone)


@pytest.mark.soak
@pytest.mark.parametrize("launcher", [TORCHRUN, ACCELERATE], ids=["torchrun", "accelerate"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_launcher_alone_saves_and_stops(
    launch: Launcher, launcher: list[str], number: signal.Signals
) -> None:
    launched = launch(*launcher, "train", "pell", *EXACT)
    launched.wait_for("step 3/30")
    launched.process.send_signal(number)
    told = launched.end()
    assert told.status != 0
    assert newest_step(launched.run.checkpoints) == json.loads(told.out)["step"]
    assert talk(told)["stopped at "] == 1


@pytest.mark.soak
def test_a_signal_to_one_of_the_processes_stops_all_of_them_after_the_same_step(launch: Launcher) -> None:
    launched = launch(*TORCHRUN, "train", "pell", *EXACT)
    launched.wait_for("step 3/30")
    workers = {worker.environ()["RANK"]: worker for worker in psutil.Process(launched.process.pid).children()}
    workers["1"].terminate()
    told = launched.end()
    assert newest_step(launched.run.checkpoints) == json.loads(told.out)["step"]
    assert talk(told)["stopped at "] == 1


@pytest.mark.soak
@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--base", "./nowhere"), "error: there is no folder ./nowhere"),
        (("--base", "someone/unknown"), "error: the base 'someone/unknown' is neither a folder here nor to be had"),
        (("--rank", "0"), "error: --rank: input should be greater than or equal to 1"),
    ],
)
def test_a_named_error_is_said_once(launch: Launcher, flags: tuple[str, ...], told: str) -> None:
    launched = launch(*TORCHRUN, "train", "pell", *EXACT, *flags)
    outcome = launched.end()
    assert outcome.status != 0
    assert outcome.out == ""
    assert outcome.err.count(told) == 1
    assert talk(outcome)["error: "] == 1
    assert not list(launched.home.root.rglob("run.json"))
