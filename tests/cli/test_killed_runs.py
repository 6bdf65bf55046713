"""`roleplay train` stopped by signals: whatever the moment, the run goes on to the result of an uninterrupted one."""

import functools
import multiprocessing
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
import torch

from roleplay.cli import main
from roleplay.models.base import Base
from roleplay.paths import Home
from roleplay.training import prepare
from roleplay.training.checkpoints import newest_step, step_of
from roleplay.training.run import Run
from roleplay.training.steer import Interrupt
from roleplay.training.trainer import PersonaTrainer
from tests.cli.conftest import SHORT, Trained, roleplay
from tests.cli.test_train_command import the_run
from tests.training.pell import outcome

PATIENCE = 120.0
"""Seconds until a process that shows no sign of life fails the test."""
LAZY = ["transformers.models.llama.modeling_llama", "matplotlib.figure", "matplotlib.backends.backend_agg"]
"""What is imported only when it is used."""
TRAIN = ("train", "pell", *SHORT, "--run", "whole")


def command(arguments: tuple[str, ...], folder: Path, held: int | None) -> None:
    """The console command, in a new process; it waits within step `held`, or before its base where that is 0.

    Files `held` and `asked` say that it waits, and that it has heard a signal meanwhile; `go` lets it go on.
    """
    os.chdir(folder)
    os.environ["ROLEPLAY_HOME"] = str(folder.parent / "home")
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run behind `&`
    torch.set_num_threads(1)
    step, load = PersonaTrainer.training_step, prepare.load_base

    def waiting(trainer: PersonaTrainer, *given: Any, **options: Any) -> torch.Tensor:
        if trainer.state.global_step + 1 == held:
            (interrupt,) = [one for one in trainer.callback_handler.callbacks if isinstance(one, Interrupt)]
            wait_to_go(lambda: interrupt.asked)
        return step(trainer, *given, **options)

    def loading(*given: Any, **options: Any) -> Base:
        if held == 0:
            wait_to_go(lambda: False)
        return load(*given, **options)

    PersonaTrainer.training_step, prepare.load_base = waiting, loading
    sys.argv = ["roleplay", *arguments]
    main()


def wait_to_go(asked: Callable[[], bool]) -> None:
    """In the process of the command: until the test says so."""
    Path("held").touch()
    while not Path("go").exists():
        if asked():
            Path("asked").touch()
        time.sleep(0.005)


Starter = Callable[..., BaseProcess]


@pytest.fixture(scope="module")
def server() -> multiprocessing.context.ForkServerContext:
    """A process that has imported everything and forks a command in no time: imports take longer than training here."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["roleplay.cli", "roleplay.training.tune", "roleplay.training.start", *LAZY])
    return context


@pytest.fixture
def start(server: multiprocessing.context.ForkServerContext, pell: Path) -> Iterator[Starter]:
    """Starts a command in the project; whatever is left of it is killed at the end."""
    started: list[BaseProcess] = []

    def begin(*arguments: object, held: int | None = None) -> BaseProcess:
        process = server.Process(target=command, args=(tuple(map(str, arguments)), Path.cwd(), held))
        process.start()
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.join()


def said(stream: str = "err") -> str:
    """What the newest command wrote so far."""
    path = Path(stream)
    return path.read_text(encoding="utf-8") if path.exists() else ""


def wait_for(seen: Callable[[], object], process: BaseProcess) -> None:
    """Until there is something to see; the process must not end before."""
    deadline = time.monotonic() + PATIENCE
    while not seen():
        assert process.is_alive(), said()
        assert time.monotonic() < deadline, said()
        time.sleep(0.0005)


def end(process: BaseProcess, number: signal.Signals) -> int | None:
    """Exit status after that signal."""
    os.kill(process.pid or 0, number)
    process.join(PATIENCE)
    return process.exitcode


def goes_on(process: BaseProcess) -> int | None:
    """Exit status of a process that waited."""
    Path("go").touch()
    process.join(PATIENCE)
    return process.exitcode


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.soak)])
def test_a_signal_saves_ends_with_130_and_names_the_way_on(
    start: Starter, home: Home, trained: Trained, number: signal.Signals
) -> None:
    process = start(*TRAIN, held=5)
    wait_for(Path("held").exists, process)
    os.kill(process.pid or 0, number)
    wait_for(Path("asked").exists, process)
    assert goes_on(process) == 130
    assert said().endswith("stopped at step 5; 'roleplay train pell --resume' goes on from there\n")
    assert said("out") == f"run      {home.runs}/pell/whole\n"
    assert newest_step(the_run(home).checkpoints) == 5
    again = roleplay("train", "pell", "--resume", "--json")
    assert again.status == 0
    assert "going on from step 5\n" in again.err
    assert outcome(the_run(home)) == outcome(trained.run)


def test_a_second_ctrl_c_ends_at_once_and_the_run_can_be_resumed(start: Starter, home: Home, trained: Trained) -> None:
    process = start(*TRAIN, "--save-steps", 1, "--logging-steps", 1, held=3)
    wait_for(Path("held").exists, process)
    os.kill(process.pid or 0, signal.SIGINT)
    wait_for(Path("asked").exists, process)  # the first Ctrl-C does not break the step off
    assert end(process, signal.SIGINT) == 130
    assert "Traceback" not in said()
    assert "stopped at" not in said()
    assert "error: interrupted" in said()
    assert newest_step(the_run(home).checkpoints) == 2
    assert roleplay("train", "pell", "--resume").status == 0
    run = the_run(home)
    for which in ("best", "last"):
        assert weights(run, which) == weights(trained.run, which)


def test_a_launcher_that_passes_ctrl_c_on_as_sigterm_does_not_press_it_twice(start: Starter, home: Home) -> None:
    process = start(*TRAIN, held=3)
    wait_for(Path("held").exists, process)
    os.kill(process.pid or 0, signal.SIGINT)
    wait_for(Path("asked").exists, process)
    os.kill(process.pid or 0, signal.SIGTERM)
    assert goes_on(process) == 130
    assert "stopped at step 3;" in said()
    assert newest_step(the_run(home).checkpoints) == 3


def test_a_signal_while_everything_is_loaded_ends_with_130(start: Starter, home: Home) -> None:
    process = start(*TRAIN, held=0)
    wait_for(Path("held").exists, process)
    assert end(process, signal.SIGINT) == 130
    assert "Traceback" not in said()
    assert not list(home.root.rglob("run.json"))


def weights(run: Run, which: str) -> bytes:
    return (run.adapter(which) / "adapter_model.safetensors").read_bytes()


def resume_to_the_end(home: Home) -> Run:
    """Go on with the killed run, which may be finished already."""
    run = the_run(home)
    if not run.finished:
        told = roleplay("train", "pell", "--resume")
        assert told.status == 0, told.err
    return run


def kill_at_a_random_moment(start: Starter, home: Home, trained: Trained) -> float:
    """SIGKILL between the first write of a run and its summary. Returns the seconds since that write."""
    delay = random.uniform(0, 1) * trained.run.read_summary()["seconds"]
    process = start(*TRAIN)
    wait_for((home.runs / "pell" / "whole" / "run.json").exists, process)
    process.join(delay)
    process.kill()
    process.join()
    return delay


def kill_while_a_checkpoint_is_written(start: Starter, home: Home, _: Trained) -> int:
    """SIGKILL, again from the start until one leaves a checkpoint half written. Returns its step."""
    folder, half = home.runs / "pell" / "whole" / "checkpoints", "tmp-checkpoint-*/checkpoint-*"
    for _attempt in range(20):
        shutil.rmtree(folder.parent, ignore_errors=True)
        process = start(*TRAIN)
        for _passed in range(random.randint(0, 3)):
            until_it_ends(functools.partial(newer, folder, newest_step(folder)), process)
        until_it_ends(lambda: list(folder.glob(half)), process)
        time.sleep(random.uniform(0, 0.02))
        process.kill()
        process.join()
        for path in folder.glob(half):  # none where it had its own name already
            return step_of(path)
    return pytest.fail("no kill came while a checkpoint was written")


def until_it_ends(seen: Callable[[], object], process: BaseProcess) -> None:
    """Until there is something to see, or nothing more will come."""
    while process.is_alive() and not seen():
        time.sleep(0.0005)


def newer(folder: Path, step: int | None) -> bool:
    return newest_step(folder) != step


def test_a_run_killed_while_it_writes_a_checkpoint_resumes_to_the_same_result(
    start: Starter, home: Home, trained: Trained
) -> None:
    step = kill_while_a_checkpoint_is_written(start, home, trained)
    assert (newest_step(the_run(home).checkpoints) or 0) < step
    run = resume_to_the_end(home)
    assert outcome(run) == outcome(trained.run), f"killed while checkpoint {step} was written"
    assert not list(run.checkpoints.glob("tmp-*"))


def test_a_run_killed_at_a_random_moment_resumes_to_the_same_result(
    start: Starter, home: Home, trained: Trained
) -> None:
    delay = kill_at_a_random_moment(start, home, trained)
    assert outcome(resume_to_the_end(home)) == outcome(trained.run), f"killed after {delay} s"


@pytest.mark.soak
@pytest.mark.parametrize("number", range(10))
def test_ten_runs_killed_at_random_moments_resume_to_the_same_result(
    start: Starter, home: Home, trained: Trained, number: int
) -> None:
    """Three of them in the middle of a checkpoint."""
    kill = kill_while_a_checkpoint_is_written if number < 3 else kill_at_a_random_moment
    moment = kill(start, home, trained)
    assert outcome(resume_to_the_end(home)) == outcome(trained.run), f"killed at {moment}"
