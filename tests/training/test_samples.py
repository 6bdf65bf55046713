"""What the character answers while it learns: kept beside the run, without a trace in what is learned."""

import contextlib
import json
from pathlib import Path

import pytest

from roleplay.paths import Home
from roleplay.training.run import Run
from roleplay.training.samples import TrainingSample, append_samples, keep_until, read_samples
from tests.training.conftest import Finished
from tests.training.pell import Crash, Reporter, crash_at, interrupt_at, outcome, resume_pell, run_pell

SAMPLE = TrainingSample(3, 1.0, "Hi.", "Good morning.", "Hm.")


@pytest.fixture(scope="module")
def told(finished: Finished) -> Run:
    """The finished run once more, with two replies after each epoch."""
    return run_pell(Home(finished.run.folder.parents[2]), finished.card, "told", samples=2)


def test_replies_after_each_epoch_leave_the_run_as_it_was(told: Run, finished: Finished) -> None:
    samples = read_samples(told.samples)
    assert [sample.step for sample in samples] == [3, 3, 6, 6, 9, 9, 12, 12, 13, 13]
    assert [sample.epoch for sample in samples][::2] == [1, 2, 3, 4, 4.3333]
    assert len({(sample.prompt, sample.written) for sample in samples}) == 2
    assert all(sample.written and sample.prompt for sample in samples)
    assert outcome(told) == outcome(finished.run)


@pytest.mark.parametrize("stop", [interrupt_at(4), crash_at(6)], ids=["stopped", "killed"])
def test_a_run_that_goes_on_has_the_replies_of_one_that_was_never_stopped(
    tmp_path: Path, card: Path, told: Run, stop: Reporter
) -> None:
    home = Home(tmp_path / "home")
    with contextlib.suppress(Crash):
        run_pell(home, card, "stopped", stop, samples=2)
    run = resume_pell(home, card, "stopped")
    assert read_samples(run.samples) == read_samples(told.samples)


def test_a_run_too_short_to_be_read_has_no_replies(finished: Finished) -> None:
    assert finished.run.read_config().settings.samples is None
    assert not finished.run.samples.exists()


def test_a_line_cut_off_by_a_crash_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    append_samples(path, [SAMPLE])
    with path.open("a") as file:
        file.write('{"step": 4}\n{"step": 4, "epo')
    assert read_samples(path) == [SAMPLE]
    assert keep_until(path, 3) == [SAMPLE]
    append_samples(path, [SAMPLE])
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [3, 3]
    assert keep_until(path, 2) == []
    assert path.read_text() == ""
