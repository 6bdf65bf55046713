"""`roleplay train`: what it says, makes, refuses, and does on a full disk."""

import contextlib
import io
import json
import re
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from roleplay.cli.progress import Bar
from roleplay.paths import Home
from roleplay.training.resolve import every_preset, load_presets
from roleplay.training.run import Run
from roleplay.training.watch import Progress
from tests.cli.conftest import SHORT, Outcome, Trained, refused, roleplay
from tests.training.pell import interrupt_at, outcome


def train(*arguments: object) -> Outcome:
    """Train pell as `trained` was, or otherwise."""
    return roleplay("train", "pell", *SHORT, *arguments)


def the_run(home: Home) -> Run:
    """The only run in the home."""
    (folder,) = (home.runs / "pell").iterdir()
    return Run(folder)


def test_json_is_the_summary_and_nothing_else(trained: Trained) -> None:
    assert trained.outcome.status == 0
    assert trained.outcome.json == trained.run.read_summary()


def test_talk_goes_to_stderr_and_names_what_is_trained(trained: Trained, tiny_base: Path) -> None:
    lines = trained.outcome.err.splitlines()
    assert lines[:4] == [
        f"loading {tiny_base}, building the dataset of pell …",
        "adapter on q_proj, k_proj, v_proj of all 2 layers (6 modules); 6,144 parameters",
        "founding: 100 epochs, 2 x 2 samples a step, lr 0.005, rank 16, float32 on cpu",
        "samples are padded, not computed as a tree: with dropout every pass is another",
    ]
    steps = [int(match[1]) for line in lines[4:] if (match := re.match(r"step (\d+)/30  ", line))]
    assert len(steps) == len(lines) - 4
    assert steps == sorted(set(steps))
    assert 10 < len(steps) <= 21


def test_a_person_is_told_the_outcome(pell: Path, home: Home) -> None:
    told = train("--max-steps", 8, "--run", "one")
    assert told.status == 0
    lines = told.out.splitlines()
    assert re.fullmatch(r"8 steps in \d+ s, training loss \d+\.\d{3}, held-out \d+\.\d{3} at step 8", lines[0])
    assert [line.split()[0] for line in lines[2:6]] == ["persona+prefix", "base+prefix", "persona", "base"]
    assert all(re.search(r" \d+\.\d{3}  \[\d+\.\d{3}, \d+\.\d{3}\]$", line) for line in lines[2:6])
    assert lines[6] == f"adapter  {home.runs}/pell/one/adapter/best"
    assert lines[7] == f"picture  {home.runs}/pell/one/loss.png"


def test_a_run_too_short_to_log_a_loss_ends_well(pell: Path) -> None:
    told = train("--max-steps", 1)
    assert told.status == 0
    assert re.match(r"1 steps in \d+ s, held-out \d+\.\d{3} at step 1\n", told.out)


def test_presets_are_listed_with_what_they_are_for(home: Home) -> None:
    listed = roleplay("train", "--list-presets")
    assert (listed.status, listed.err) == (0, "")
    lines = listed.out.splitlines()
    assert [line.split()[0] for line in lines[::2]] == list(every_preset())
    assert lines[0] == f"founding   {load_presets()['founding']['about']}"
    assert "rank 8, alpha 16" in lines[1]


def test_the_cards_training_block_is_obeyed_unless_typed(pell: Path, home: Home) -> None:
    pell.write_text(pell.read_text() + "training: {preset: quick, max_steps: 1, rank: 3, dtype: float32}\n")
    assert roleplay("train", "pell", "--rank", 2).status == 0
    config = the_run(home).read_config()
    assert config.preset == "quick"
    assert (config.settings.max_steps, config.settings.rank, config.settings.batch_size) == (
        1,
        2,
        load_presets()["quick"]["batch_size"],
    )
    assert (config.sources["max_steps"], config.sources["rank"], config.sources["batch_size"]) == (
        "card",
        "typed",
        "preset quick",
    )


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--preset", "fouding"], "there is no preset 'fouding'; did you mean 'founding'?"),
        (["--rank", "0"], "--rank: input should be greater than or equal to 1 (seen: 0)"),
        (["--epochs", "inf"], "--epochs: input should be a finite number (seen: inf)"),
        (["--scheduler", "cosin"], "--scheduler: input should be 'linear', 'cosine', "),
    ],
)
def test_wrong_usage_ends_with_2_before_anything_is_made(pell: Path, home: Home, flags: list[str], told: str) -> None:
    assert told in refused(roleplay("train", "pell", *flags), 2)
    assert not home.root.exists()


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--resume"], "pell has no unfinished run to resume"),
        (["--resume", "--run", "x"], "pell has no runs; 'roleplay train pell' makes one"),
        (["--run", "../x"], "'../x' is no name for a run"),
        (["--base", "./nowhere"], "there is no folder ./nowhere"),
    ],
)
def test_an_impossible_run_ends_with_1_before_anything_is_made(
    pell: Path, home: Home, flags: list[str], told: str
) -> None:
    assert told in refused(roleplay("train", "pell", *flags), 1)
    assert not list(home.root.rglob("run.json"))


def test_finished_runs_are_neither_resumed_nor_overwritten(tuned_pell: Path) -> None:
    assert "pell has no unfinished run" in refused(train("--resume"), 1)
    assert "the run whole is finished" in refused(train("--resume", "--run", "whole"), 1)
    assert "whole exists; go on with --resume --run whole" in refused(train("--run", "whole"), 1)


def test_a_card_that_names_no_corpus_cannot_be_trained(pell: Path) -> None:
    pell.write_text(pell.read_text().split("corpora:")[0])
    assert "names no corpus; add 'corpora: " in refused(train(), 1)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    progress = Progress()
    progress.steps, progress.step, progress.loss, progress.heldout, progress.best = 40, 10, 2.5, 3.5, 3.25
    with Bar() as bar:
        bar.report(progress)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())
    assert "10/40" in text
    assert "loss 2.500  held-out 3.500  best 3.250" in text


@contextlib.contextmanager
def at_most(size: int) -> Iterator[None]:
    """The kernel refuses to let a file of this process grow beyond `size` bytes, as a full disk does."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def test_a_full_disk_is_one_clear_error_and_costs_no_checkpoint(
    pell: Path, home: Home, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        press = interrupt_at(8)
        patch.setattr(Bar, "report", lambda bar, progress: press(progress))
        assert train("--run", "whole").status == 130
    run = the_run(home)
    kept = {path: path.read_bytes() for path in run.checkpoints.rglob("*") if path.is_file()}
    optimizer = (run.checkpoints / "checkpoint-8" / "optimizer.pt").stat().st_size
    with at_most(optimizer - 1000):
        told = refused(roleplay("train", "pell", "--resume"), 1)
    assert told.count("\n") == 1
    assert f"cannot write {run.checkpoints / 'checkpoint-14'}: " in told
    assert "make room or point ROLEPLAY_HOME elsewhere, then run the same command again" in told
    assert {path: path.read_bytes() for path in run.checkpoints.rglob("*") if path.is_file()} == kept
    assert roleplay("train", "pell", "--resume").status == 0
    assert outcome(run) == outcome(trained.run)


@pytest.mark.parametrize(
    ("size", "every", "victim"),
    [
        (600, 1, "run.json"),
        (4500, 30, "metrics.jsonl"),
        (20_000, 1, "adapter/best"),
        (40_000, 1, "checkpoints/checkpoint-30"),
    ],
)
def test_whatever_does_not_fit_is_named(pell: Path, home: Home, size: int, every: int, victim: str) -> None:
    with at_most(size):
        told = train("--run", "whole", "--eval-steps", every, "--logging-steps", 1, "--save-steps", 30)
    assert f"cannot write {home.runs}/pell/whole/{victim}: " in refused(told, 1)


def test_a_folder_in_use_is_refused(tuned_pell: Path, home: Home) -> None:
    run = the_run(home)
    (run.folder / "summary.json").unlink()
    with FileLock(run.folder / ".lock"):
        assert "another process is training in " in refused(train("--resume"), 1)


def test_other_settings_typed_beside_resume_are_wrong_usage(tuned_pell: Path, home: Home) -> None:
    (the_run(home).folder / "summary.json").unlink()
    told = refused(roleplay("train", "pell", "--resume", "--rank", 3, "--seed", 0, "--lr", 1), 2)
    assert "learning_rate 1.0 (the run has 0.005), rank 3 (the run has 16) was typed" in told


def test_a_damaged_configuration_is_an_error(tuned_pell: Path, home: Home) -> None:
    run = the_run(home)
    (run.folder / "summary.json").unlink()
    value = json.loads((run.folder / "run.json").read_text())
    del value["base"]
    (run.folder / "run.json").write_text(json.dumps(value))
    assert "run.json is missing or damaged ('base'); start a new run" in refused(train("--resume"), 1)
