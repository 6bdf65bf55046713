"""Trainings in processes of their own, which go on when whoever began them is gone."""

import contextlib
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import psutil

from roleplay.errors import RunError
from roleplay.models.find import run_folders
from roleplay.paths import Home, shown, storing, write_file
from roleplay.training.noted import noted_process
from roleplay.training.run import Run, changed, find_run, new_run

_COMMAND = (sys.executable, "-m", "roleplay", "train")


def options(typed: Mapping[str, Any]) -> list[str]:
    """Settings as `roleplay train` takes them; those that are `None` were not typed."""
    return [f"--{name.replace('_', '-')}={value}" for name, value in typed.items() if value is not None]


def begin(home: Home, character: str, preset: str, typed: Mapping[str, Any], name: str | None = None) -> Run:
    """Train `character` with `preset` and what was `typed`, in a run called `name`; returns its folder-to-be.

    Raises RunError where `name` is taken, StorageError where nothing can be written.
    """
    run = new_run(home, character, name, preset)
    _start(run, [character, f"--preset={preset}", f"--run={run.name}", *options(typed)])
    return run


def go_on(run: Run) -> None:
    """Resume `run`. Raises RunError where it trains or is finished, StorageError where nothing can be written."""
    if run.finished or is_alive(run):
        state = "is finished" if run.finished else "trains already"
        raise RunError(f"the run {run.name} {state}; there is nothing to resume")
    _start(run, [run.folder.parent.name, f"--run={run.name}", "--resume"])


def stop(run: Run) -> None:
    """Have the training save after its step and end, as Ctrl-C does. Raises RunError where none can be reached."""
    process = noted_process(run.pid)
    if process is None:
        raise RunError(f"no process of this machine trains {shown(run.folder)}; there is nothing to stop")
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGINT)


def is_alive(run: Run) -> bool:
    """Whether a process trains `run`, or is about to."""
    return noted_process(run.pid) is not None or run.state == "training"


def newest_begun(home: Home, character: str) -> Run | None:
    """The run of `character` that was begun or gone on with last, one that came to nothing too; `None` without any."""
    begun: dict[Run, float] = {}
    for run in map(Run, run_folders(home, character)):
        marks = [mark for mark in (run.changed, changed(run.log)) if mark is not None]
        if marks:
            begun[run] = max(marks)
    return max(begun, key=lambda run: begun[run], default=None)


def remove(home: Home, character: str, names: Sequence[str]) -> list[Run]:
    """Remove runs with their adapters and checkpoints; all of them, or, where a name is wrong, none.

    Each is hidden first, so that whoever lists runs sees it whole or not at all; what an earlier removal left behind
    when it was killed goes too. Raises RunError where there is no such run, or a process trains in it.
    """
    found = [find_run(home, character, name) for name in names]
    for left in (home.runs / character).glob(".*.removed"):
        shutil.rmtree(left, ignore_errors=True)
    for run in found:
        with run.locked(), storing(run.folder):
            hidden = run.folder.with_name(f".{run.name}.removed")
            run.folder.rename(hidden)
            with contextlib.suppress(FileNotFoundError):  # another removal took it for left behind
                shutil.rmtree(hidden)
    return found


def _start(run: Run, arguments: Sequence[str]) -> None:
    """A session of its own: closing the terminal ends nothing in it."""
    with storing(run.log):
        run.folder.mkdir(parents=True, exist_ok=True)
        with run.log.open("wb") as log:
            process = subprocess.Popen(
                [*_COMMAND, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    write_file(run.pid, str(process.pid))
    threading.Thread(target=process.wait, daemon=True).start()  # else it would stay in the list of processes
