"""An evaluation in a process of its own, one a character, which goes on when whoever began it is gone.

evaluations/yui/
    evaluate.log    what the newest one says: its steps, and at last where the page is, or what was wrong
    .pid            number of its process; of no meaning once that has ended
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from roleplay.errors import EvaluationError
from roleplay.paths import Home, storing, write_file
from roleplay.text import clean
from roleplay.training.noted import noted_process

_COMMAND = (sys.executable, "-m", "roleplay", "evaluate")
_TAIL = 8192
"""Bytes at the end of the log that are read."""
_INTERRUPTED = ("error: interrupted", "KeyboardInterrupt")
"""How the log ends after Ctrl-C, in a command, and before it has begun."""


@dataclass(frozen=True)
class Evaluating:
    """The evaluation of a character that was begun in the background last, as it stands."""

    state: str
    """`running`, `stopped`, `failed` or `finished`."""
    seconds: float
    """Since it was begun; 0 where it does not run."""
    last_words: str
    """The last line that it said: a step while it runs, then what came of it."""


def begin(home: Home, character: str, *, quick: bool, run: str | None = None) -> None:
    """Evaluate the adapter of `run`, else the one that answers for `character`; what was found before is not lost.

    Raises EvaluationError while one begun before still runs, StorageError where nothing can be written.
    """
    if noted_process(_pid(home, character)) is not None:
        raise EvaluationError(f"{character} is being evaluated already; wait for it, or stop it")
    log = _log(home, character)
    arguments = [character, *(["--quick"] if quick else []), *([f"--run={run}"] if run else [])]
    with storing(log):
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as talk:
            process = subprocess.Popen(
                [*_COMMAND, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # the report is on disk
                stderr=talk,
                start_new_session=True,
            )
    write_file(_pid(home, character), str(process.pid))
    threading.Thread(target=process.wait, daemon=True).start()  # else it would stay in the list of processes


def stop(home: Home, character: str) -> None:
    """Have it end, as Ctrl-C does; begun again, it goes on. Raises EvaluationError where none can be reached."""
    process = noted_process(_pid(home, character))
    if process is None:
        raise EvaluationError(f"no evaluation of {character} was begun from these screens; there is nothing to stop")
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGINT)


def look_at(home: Home, character: str) -> Evaluating | None:
    """How far it is; `None` where none was ever begun in the background."""
    log = _log(home, character)
    if not log.is_file():
        return None
    running = noted_process(_pid(home, character)) is not None
    said = _last_line(log)
    if running:
        return Evaluating("running", max(0.0, time.time() - _pid(home, character).stat().st_mtime), said)
    if said in _INTERRUPTED:
        return Evaluating("stopped", 0, said)
    return Evaluating("finished" if said.startswith("page with pictures: ") else "failed", 0, said)


def _log(home: Home, character: str) -> Path:
    return home.evaluations / character / "evaluate.log"


def _pid(home: Home, character: str) -> Path:
    return home.evaluations / character / ".pid"


def _last_line(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - _TAIL))
        lines = [line.strip() for line in clean(file.read().decode("utf-8", "replace")).splitlines()]
    return next((line for line in reversed(lines) if line), "")
