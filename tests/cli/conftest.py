"""The console command, in this process or in one of its own, and a character to give it."""

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from roleplay.cli import main
from roleplay.paths import Home
from roleplay.training.run import Run
from tests.tiny import save_tiny_base
from tests.training.pell import write_pell

SHORT = [
    *("--max-steps", "30", "--batch-size", "2", "--grad-accum", "2", "--learning-rate", "5e-3", "--rank", "16"),
    *("--alpha", "64", "--dropout", "0.1", "--dtype", "float32"),
    *("--logging-steps", "4", "--eval-steps", "10", "--save-steps", "7"),
]
"""Settings of every run here: a second or two, and enough moments to be stopped at."""


@dataclass(frozen=True)
class Outcome:
    """What a command left."""

    status: int
    """Exit status."""
    out: str
    """Standard output."""
    err: str
    """Standard error."""

    @property
    def json(self) -> Any:
        """Standard output as one JSON value."""
        return json.loads(self.out)

    @property
    def rows(self) -> list[Any]:
        """Standard output as a JSON value a line."""
        return [json.loads(line) for line in self.out.splitlines()]


def roleplay(*arguments: object, stdin: str = "") -> Outcome:
    """Run the console command in this process."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr("sys.argv", ["roleplay", *map(str, arguments)])
        patch.setattr("sys.stdin", io.StringIO(stdin))
        try:
            main()
        except SystemExit as exit_:
            status = int(exit_.code or 0)
    return Outcome(status, out.getvalue(), err.getvalue())


def spawn(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start the console command in a process of its own, which hears Ctrl-C even where the tests run behind `&`."""
    return subprocess.Popen(
        [sys.executable, "-m", "roleplay", *map(str, arguments)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"} | options.pop("env", {}),
        encoding="utf-8",
        **{
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        }
        | options,
    )


def in_a_process(*arguments: object, **options: Any) -> Outcome:
    """Run the console command in a process of its own."""
    with spawn(*arguments, **options) as process:
        out, err = process.communicate()
    return Outcome(process.returncode, out or "", err or "")


def refused(outcome: Outcome, status: int) -> str:
    """What a refused command says: an error at the end of stderr, nothing on stdout, and no traceback."""
    assert (outcome.status, outcome.out) == (status, "")
    assert "Traceback" not in outcome.err
    (error,) = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    return outcome.err[outcome.err.index(error) :]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Sums in one order, here and in child processes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """Folder of a random llama."""
    return save_tiny_base(tmp_path_factory.mktemp("bases") / "tiny", chatml_tokenizer)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: an empty project; nothing that ships is in reach."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setattr("roleplay.cards.find.shipped", lambda: tmp_path / "shipped")
    return root


@pytest.fixture
def pell(project: Path, tiny_base: Path) -> Path:
    """Pell's card in the project."""
    return write_pell(project / "characters", tiny_base)


@dataclass(frozen=True)
class Trained:
    """A run made by `roleplay train`, and what the command said."""

    run: Run
    """Its folder."""
    outcome: Outcome
    """Of `roleplay train pell --json`."""


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, one_thread: None) -> Trained:
    """One uninterrupted run; leave it as it is."""
    folder = tmp_path_factory.mktemp("trained")
    write_pell(folder / "characters", tiny_base)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("ROLEPLAY_HOME", str(folder / "home"))
        outcome = roleplay("train", "pell", *SHORT, "--run", "whole", "--json")
    return Trained(Run(folder / "home" / "runs" / "pell" / "whole"), outcome)


@pytest.fixture
def tuned_pell(pell: Path, home: Home, trained: Trained) -> Path:
    """Pell's card, with her finished run in the test's home."""
    shutil.copytree(trained.run.folder, home.runs / "pell" / "whole")
    return pell
