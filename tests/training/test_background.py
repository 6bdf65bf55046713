"""A training in a process of its own: begun, looked at from elsewhere, stopped, and what is read of it."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from roleplay.errors import RunError
from roleplay.paths import Home
from roleplay.training.background import begin, go_on, is_alive, newest_begun, options, remove, stop
from roleplay.training.listing import listed_runs
from roleplay.training.progress import look_at
from roleplay.training.run import Run
from tests.training.conftest import Finished
from tests.training.pell import SETTINGS


def wait(until: Callable[[], object], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.soak
def test_a_training_in_the_background_is_seen_and_stopped(card: Path, home: Home) -> None:
    run = begin(home, "pell", "quick", SETTINGS | {"max_steps": 5000, "samples": 0, "save_steps": 5000}, "aside")
    assert look_at(run).state == "starting"
    assert newest_begun(home, "pell") == run
    assert newest_begun(home, "nobody") is None
    with pytest.raises(RunError, match="trains already"):
        go_on(run)
    wait(lambda: look_at(run).steps)
    seen = look_at(run)
    assert (seen.state, seen.steps) == ("training", 5000)
    assert seen.remaining is not None
    assert seen.tokens_per_second is not None
    assert seen.remaining > 0 < seen.tokens_per_second
    assert seen.config is not None
    assert seen.config.settings.rank == SETTINGS["rank"]
    with pytest.raises(RunError, match="another process is training"):
        remove(home, "pell", ["aside"])
    assert os.getsid(int(run.pid.read_text())) != os.getsid(0)
    stop(run)
    wait(lambda: not is_alive(run))
    seen = look_at(run)
    assert seen.state == "stopped"
    assert seen.last_words[-1].startswith(f"stopped at step {run.checkpoints.glob('*').__next__().name.split('-')[1]};")
    assert not run.pid.exists()
    with pytest.raises(RunError, match="nothing to stop"):
        stop(run)


def test_a_run_that_never_began_leaves_its_last_words(card: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import sys; print('\\x1b[31mloading'); sys.exit('error: no such base')"
    monkeypatch.setattr("roleplay.training.background._COMMAND", (sys.executable, "-c", program))
    run = begin(home, "pell", "quick", {})
    wait(lambda: not is_alive(run))
    seen = look_at(run)
    assert (seen.state, seen.config, seen.step, seen.steps, seen.remaining) == ("stopped", None, 0, None, None)
    assert sorted(seen.last_words) == ["[31mloading", "error: no such base"]


def test_the_number_of_another_process_is_not_taken_for_the_trainings(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.pid.write_text(str(os.getpid()))
    os.utime(run.pid, (1, 1))  # noted long before this process began
    assert not is_alive(run)
    run.pid.write_text("nonsense")
    assert not is_alive(run)


def test_a_finished_run_is_read_whole_and_cannot_be_resumed(finished: Finished) -> None:
    seen = look_at(finished.run)
    assert (seen.state, seen.step, seen.steps, seen.remaining) == ("finished", 13, 13, None)
    assert seen.curves.heldout.steps == (0, 4, 8, 12, 13)
    assert seen.curves.training.steps == seen.curves.smoothed.steps == (3, 6, 9, 12)
    assert seen.curves.best == min(
        zip(seen.curves.heldout.steps[1:], seen.curves.heldout.losses[1:], strict=True), key=lambda pair: pair[1]
    )
    with pytest.raises(RunError, match="is finished"):
        go_on(finished.run)


def test_a_list_tells_which_run_answers_in_chat(finished: Finished) -> None:
    home = Home(finished.run.folder.parents[2])
    (listed,) = [row for row in listed_runs(home, None) if row.run == finished.run]
    assert (listed.character, listed.state, listed.preset, listed.steps) == ("pell", "finished", "founding", 13)
    assert listed.best is not None
    assert listed_runs(home, "nobody") == []
    assert sum(row.answers for row in listed_runs(home, "pell")) == 1


def test_settings_become_options() -> None:
    typed = {"max_steps": 3, "learning_rate": "5e-3", "rank": None, "base": "a b"}
    assert options(typed) == ["--max-steps=3", "--learning-rate=5e-3", "--base=a b"]
