"""An evaluation in a process of its own: begun, looked at, stopped, and how it ended."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from roleplay.errors import EvaluationError, StorageError
from roleplay.evaluation.background import Evaluating, begin, look_at, stop
from roleplay.paths import Home

WAITING = """
import signal, sys, time

def stop(*_):
    print("error: interrupted", file=sys.stderr, flush=True)
    sys.exit(130)

signal.signal(signal.SIGINT, stop)
print("figures", flush=True)
print("asked:", *sys.argv[1:], file=sys.stderr, flush=True)
time.sleep(120)
"""
"""Says what it was asked for, then waits for Ctrl-C."""


def instead(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Run `program` where `roleplay evaluate` would be."""
    monkeypatch.setattr("roleplay.evaluation.background._COMMAND", (sys.executable, "-I", "-c", program))


def wait(until: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not until():
        assert time.monotonic() < end
        time.sleep(0.02)


def state(home: Home) -> str:
    seen = look_at(home, "yui")
    return seen.state if seen is not None else ""


def words(home: Home) -> str:
    seen = look_at(home, "yui")
    return seen.last_words if seen is not None else ""


def pid(home: Home) -> Path:
    return home.evaluations / "yui" / ".pid"


def test_one_is_begun_seen_and_stopped(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    instead(monkeypatch, WAITING)
    assert look_at(home, "yui") is None
    begin(home, "yui", quick=True, run="first")
    wait(lambda: words(home) == "asked: yui --quick --run=first")
    seen = look_at(home, "yui")
    assert seen is not None
    assert seen.state == "running"
    assert 0 <= seen.seconds < 60
    assert os.getsid(int(pid(home).read_text())) != os.getsid(0)
    with pytest.raises(EvaluationError, match="yui is being evaluated already; wait for it, or stop it"):
        begin(home, "yui", quick=True)
    stop(home, "yui")
    wait(lambda: state(home) == "stopped")
    assert look_at(home, "yui") == Evaluating("stopped", 0, "error: interrupted")
    with pytest.raises(EvaluationError, match="there is nothing to stop"):
        stop(home, "yui")
    begin(home, "yui", quick=False)
    wait(lambda: words(home) == "asked: yui")
    stop(home, "yui")
    wait(lambda: state(home) == "stopped")


@pytest.mark.parametrize(
    ("program", "came_of_it", "said"),
    [
        ("import sys; print('replies\\n\\npage with pictures: a.html', file=sys.stderr)", "finished", "page with"),
        ("import sys; sys.exit('replies\\nerror: no \\x1b[31msuch run')", "failed", "error: no [31msuch run"),
        ("import os, sys; print('replies', file=sys.stderr, flush=True); os._exit(9)", "failed", "replies"),
        ("raise KeyboardInterrupt", "stopped", "KeyboardInterrupt"),
        ("", "failed", ""),
    ],
)
def test_how_it_ended_is_told(
    home: Home, monkeypatch: pytest.MonkeyPatch, program: str, came_of_it: str, said: str
) -> None:
    instead(monkeypatch, program)
    begin(home, "yui", quick=True)
    wait(lambda: state(home) != "running")
    seen = look_at(home, "yui")
    assert seen is not None
    assert (seen.state, seen.seconds, seen.last_words[: len(said)]) == (came_of_it, 0, said)


def test_the_number_of_another_process_is_not_taken_for_the_evaluations(home: Home) -> None:
    pid(home).parent.mkdir(parents=True)
    (pid(home).parent / "evaluate.log").write_text("replies\n")
    pid(home).write_text(str(os.getpid()))
    assert state(home) == "running"
    os.utime(pid(home), (1, 1))  # noted long before this process began
    assert state(home) == "failed"
    pid(home).write_text("nonsense")
    assert state(home) == "failed"


def test_where_nothing_can_be_written_none_begins(home: Home) -> None:
    home.root.mkdir()
    home.evaluations.write_text("in the way")
    with pytest.raises(StorageError, match="cannot write"):
        begin(home, "yui", quick=True)
