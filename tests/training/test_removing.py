"""Runs that are removed while others look at them, or after a removal that was killed."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from roleplay.errors import RunError
from roleplay.models.find import adapter_choices, answering_adapter
from roleplay.models.passport import BaseIdentity
from roleplay.paths import Home
from roleplay.training.background import newest_begun, remove
from roleplay.training.listing import listed_runs
from roleplay.training.resolve import load_presets
from roleplay.training.run import Decisions, Run, RunConfig, new_run, runs_of
from roleplay.training.settings import Settings

CONFIG = RunConfig(
    character="pell",
    preset="quick",
    settings=Settings.model_validate({k: v for k, v in load_presets()["quick"].items() if k != "about"}),
    sources={},
    base=BaseIdentity("tiny", None, "", "", "", None),
    base_source="tiny",
    card="",
    dataset="",
    targets="q",
    decisions=Decisions("cpu", "float32", 1, "sdpa"),
    environment={},
)


def make(home: Home, name: str) -> Run:
    """A run that stopped, with as much as lists read of one."""
    run = Run(home.runs / "pell" / name)
    run.adapter("best").mkdir(parents=True)
    run.metrics.write_text('{"step": 0, "epoch": 0, "eval_loss": 1.0}\n')
    run.log.write_text("loading\n")
    run.write_config(CONFIG, "name: pell\n")
    return run


def finish(run: Run) -> Run:
    run.write_summary({})
    return run


@contextmanager
def repeating(look: Callable[[], object], errors: list[BaseException]) -> Iterator[list[int]]:
    """Look again and again from another thread, and count how often; what goes wrong is noted."""
    done, looks = threading.Event(), [0]

    def again() -> None:
        while not done.is_set() and not errors:
            try:
                look()
            except BaseException as error:
                errors.append(error)
            looks[0] += 1

    thread = threading.Thread(target=again)
    thread.start()
    try:
        yield looks
    finally:
        done.set()
        thread.join()


def test_whoever_lists_runs_never_meets_one_that_is_being_removed(home: Home) -> None:
    stays, errors = finish(make(home, "stays")), list[BaseException]()

    def look() -> None:
        rows = [run.row() for run in runs_of(home, "pell")]
        assert "stays" in [row["run"] for row in rows]
        assert {listed.state for listed in listed_runs(home, None)} <= {"finished", "stopped", "training"}
        assert newest_begun(home, "pell") is not None
        assert answering_adapter(home, "pell") is not None
        adapter_choices(home, "pell")

    with repeating(look, errors) as looks:
        for i in range(200):
            run = make(home, f"goes-{i}")
            if i % 2:
                finish(run)
            assert remove(home, "pell", [run.name]) == [run]
    assert not errors, errors
    assert looks[0] > 20
    assert [path.name for path in stays.folder.parent.iterdir()] == ["stays"]


def test_what_a_killed_removal_left_is_no_run_and_goes_with_the_next(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, other = make(home, "half"), finish(make(home, "other"))

    def killed(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("roleplay.training.background.shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            remove(home, "pell", ["half"])
    left = run.folder.with_name(".half.removed")
    finish(Run(left))
    os.utime(left / "run.json", (2**31, 2**31))
    assert (left / "run.json").is_file()
    assert runs_of(home, "pell") == [row.run for row in listed_runs(home, "pell")] == [other]
    assert newest_begun(home, "pell") == other
    assert {choice.run for choice in adapter_choices(home, "pell")} == {"other"}
    with pytest.raises(RunError, match="no run 'half' of pell"):
        remove(home, "pell", ["half"])

    remove(home, "pell", ["other"])
    assert list(run.folder.parent.iterdir()) == []


def test_asking_for_the_state_of_a_run_that_is_gone_makes_nothing(home: Home) -> None:
    gone = Run(home.runs / "pell" / "gone")
    assert gone.state == "stopped"
    assert gone.row()["state"] == "damaged"
    assert not home.runs.exists()


def test_the_state_tells_who_holds_a_run_and_leaves_no_file(home: Home) -> None:
    run = make(home, "half")
    assert run.state == "stopped"
    assert not (run.folder / ".lock").exists()
    with run.locked():
        assert run.state == "training"
        with pytest.raises(RunError, match="another process is training in"):
            remove(home, "pell", ["half"])
    assert run.state == "stopped"
    assert finish(run).state == "finished"


def test_no_run_may_be_called_as_the_adapter_that_ships(home: Home) -> None:
    with pytest.raises(RunError, match="'shipped' names the adapter that came with the program; choose another name"):
        new_run(home, "pell", "shipped", "quick")
    assert new_run(home, "pell", "shipped-again", "quick").name == "shipped-again"
