"""`roleplay runs`."""

import json
import shutil
import sys
from pathlib import Path

import pexpect
import pytest
from filelock import FileLock

from roleplay.paths import Home
from tests.cli.conftest import Trained, refused, roleplay


@pytest.fixture
def whole(tuned_pell: Path, home: Home) -> Path:
    """Pell's finished run."""
    return home.runs / "pell" / "whole"


@pytest.fixture
def half(whole: Path) -> Path:
    """A second run of hers, that stopped before its end."""
    folder = whole.with_name("half")
    shutil.copytree(whole, folder)
    (folder / "summary.json").unlink()
    (folder / "metrics.jsonl").write_text('{"step": 0, "eval_loss": 1.0}\n{"step": 10, "eval_loss": 2.5}\n')
    return folder


def test_list_has_every_run_with_its_state(whole: Path, half: Path, trained: Trained) -> None:
    rows = {row["run"]: row for row in roleplay("runs", "list", "--json").json}
    assert rows["half"] == {
        "character": "pell",
        "run": "half",
        "state": "stopped",
        "preset": "founding",
        "base": "tiny",
        "epochs": 100,
        "steps": 10,
        "best_heldout_loss": 2.5,
        "promoted": None,
    }
    summary = trained.outcome.json
    assert (rows["whole"]["state"], rows["whole"]["steps"]) == ("finished", summary["steps"])
    assert rows["whole"]["best_heldout_loss"] == summary["best_heldout_loss"]
    lines = sorted(roleplay("runs", "list", "pell").out.splitlines())
    assert [line.split(maxsplit=3) for line in lines] == [
        ["pell", "half", "stopped", "10 steps on tiny  held-out 2.500"],
        ["pell", "whole", "finished", f"30 steps on tiny  held-out {summary['best_heldout_loss']:.3f}"],
    ]


def test_a_run_that_trains_and_a_damaged_one_are_told_apart(whole: Path, half: Path) -> None:
    (whole / "run.json").write_text("{")
    with FileLock(half / ".lock"):
        states = {row["run"]: row["state"] for row in roleplay("runs", "list", "--json").json}
    assert states == {"half": "training", "whole": "damaged"}


def test_an_empty_list_says_what_makes_a_run(pell: Path, home: Home) -> None:
    told = roleplay("runs", "list", "pell")
    assert (told.status, told.out) == (0, "")
    assert told.err == f"no runs in {home.runs} yet; 'roleplay train pell' makes one\n"
    assert roleplay("runs", "list", "--json").json == []


def test_show_tells_each_setting_with_its_source_and_the_outcome(whole: Path, trained: Trained) -> None:
    shown = roleplay("runs", "show", "pell")
    lines = [line.split() for line in shown.out.splitlines()]
    assert shown.out.startswith(f"pell/whole  finished  {whole}\n")
    assert ["rank", "16", "typed"] in lines
    assert ["weight_decay", "1e-05", "preset", "founding"] in lines
    assert ["seed", "0", "default"] in lines
    assert f"30 steps in {trained.outcome.json['seconds']:.0f} s" in shown.out
    value = roleplay("runs", "show", "pell", "whole", "--json").json
    assert (value["settings"]["rank"], value["sources"]["rank"]) == (16, "typed")
    assert value["summary"]["steps"] == 30


def test_an_unfinished_run_is_shown_with_the_way_on(half: Path) -> None:
    shown = roleplay("runs", "show", "pell", "half")
    assert shown.status == 0
    assert shown.err == "'roleplay train pell --resume --run half' goes on\n"
    assert roleplay("runs", "show", "pell", "half", "--json").json["summary"] is None


def test_plot_draws_what_is_there_so_far(half: Path) -> None:
    (half / "loss.png").unlink()
    assert roleplay("runs", "plot", "pell", "half").out == f"{half / 'loss.png'}\n"
    assert (half / "loss.png").read_bytes().startswith(b"\x89PNG")
    (half / "metrics.jsonl").write_text("")
    assert "holds no losses yet" in refused(roleplay("runs", "plot", "pell", "half"), 1)


@pytest.mark.parametrize("command", ["show", "plot", "rm"])
def test_a_run_that_is_not_there_is_named_with_those_that_are(whole: Path, command: str) -> None:
    assert "there is no run 'whale' of pell; did you mean 'whole'" in refused(
        roleplay("runs", command, "pell", "whale"), 1
    )
    assert "pall has no runs" in refused(roleplay("runs", command, "pall", "whole"), 1)
    assert whole.is_dir()


def test_rm_removes_all_that_are_named_or_none(whole: Path, half: Path) -> None:
    refused(roleplay("runs", "rm", "pell", "half", "other", "--yes"), 1)
    assert half.is_dir()
    assert "add --yes" in refused(roleplay("runs", "rm", "pell", "half"), 2)
    done = roleplay("runs", "rm", "pell", "half", "--yes")
    assert (done.status, done.out) == (0, f"{half}\n")
    assert not half.exists()
    assert whole.is_dir()


def test_a_run_that_trains_is_not_removed(half: Path) -> None:
    with FileLock(half / ".lock"):
        assert "another process is training in" in refused(roleplay("runs", "rm", "pell", "half", "--yes"), 1)
    assert json.loads((half / "run.json").read_text())["character"] == "pell"


@pytest.mark.parametrize(("answer", "kept"), [("n", True), ("y", False)])
def test_a_person_is_asked(whole: Path, answer: str, kept: bool) -> None:
    with pexpect.spawn(sys.executable, ["-m", "roleplay", "runs", "rm", "pell", "whole"], encoding="utf-8") as terminal:
        terminal.expect(r"remove whole of pell, adapters included\? \[y/N\]")
        terminal.sendline(answer)
        terminal.expect(pexpect.EOF)
    assert whole.exists() is kept
