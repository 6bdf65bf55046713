"""What a run by choices refuses once it is begun, and what is left then."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from roleplay.errors import FileFaults, RoleplayError, RunError, UsageError
from roleplay.paths import Home
from roleplay.preference.rewards.judged import Judge, Judged
from roleplay.training.checkpoints import newest_step
from roleplay.training.run import Run
from tests.preference.pell_choices import pell_pairs, resume_choices, run_choices, write_pell_pairs
from tests.training.pell import interrupt_at

Pell = tuple[Home, Path, Path]
PAIRS = pell_pairs()
OTHERS = [replace(PAIRS[0], chosen="Aye."), *PAIRS[1:]]
UNASKED = [replace(PAIRS[0], prefixes=()), *PAIRS[1:]]
_STOP = "roleplay.preference.rewards.reward.stop"


def files(home: Home) -> set[Path]:
    """All in the home but locks and rendered samples, which are nobody's work."""
    found = {path for path in home.root.rglob("*") if path.is_file() and path.name != ".lock"}
    return {path for path in found if not path.is_relative_to(home.token_cache)}


def weights(home: Home) -> Path:
    """Those that Pell's runs begin with."""
    return Run(home.runs / "pell" / "first").adapter("best") / "adapter_model.safetensors"


def scaled(path: Path) -> None:
    save_file({name: 2 * tensor for name, tensor in load_file(path).items()}, path, {"format": "pt"})


# From here on, runs that go on.


@pytest.mark.parametrize(
    ("spoil", "error", "told"),
    [
        (
            lambda home, pairs: write_pell_pairs(pairs, OTHERS),
            RunError,
            "cannot go on: dialogues, pairs or",
        ),
        (
            lambda home, pairs: write_pell_pairs(pairs, UNASKED),
            RunError,
            "cannot go on: dialogues, pairs or",
        ),
        (lambda home, pairs: pairs.unlink(), FileFaults, "pairs.jsonl: cannot be read: No such file"),
        (
            lambda home, pairs: scaled(weights(home)),
            RunError,
            "cannot go on: dialogues, pairs or",
        ),
        (
            lambda home, pairs: shutil.rmtree(weights(home).parent),
            RunError,
            "the adapter that the run begins with is gone: ",
        ),
    ],
    ids=["other pairs", "other prefixes", "no pairs", "another adapter", "no adapter"],
)
def test_a_run_goes_on_with_the_pairs_and_the_adapter_it_began_with_or_not_at_all(
    pell: Pell, spoil: Callable[[Home, Path], Any], error: type[RoleplayError], told: str
) -> None:
    home, card, pairs = pell
    kept = (pairs.read_bytes(), weights(home).parent)
    shutil.copytree(kept[1], pairs.with_name("kept"))
    run = run_choices(home, card, "stopped", "dpo", interrupt_at(1), pairs=(str(pairs),), max_steps=2)
    spoil(home, pairs)
    before = files(home)
    with pytest.raises(error, match=told):
        resume_choices(home, card, "stopped")
    assert files(home) == before
    pairs.write_bytes(kept[0])
    shutil.copytree(pairs.with_name("kept"), kept[1], dirs_exist_ok=True)
    assert resume_choices(home, card, "stopped") == run
    assert run.finished


# From here on, rewards.


def judging(*values: float) -> Judge:
    """At each call the next of `values`, for all replies but the first, which gets 0; then the last of them."""
    left = list(values)

    def judge(judged: Sequence[Judged]) -> list[float]:
        value = left.pop(0) if len(left) > 1 else left[0]
        return [0.0, *[value] * (len(judged) - 1)]

    return judge


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0.0, "drawn replies got 0 of stop: nothing can be learned; add a term"),
        (float("nan"), "the reward 'stop' gave nan for the reply '.*', which is no finite number; leave the term out"),
        (float("inf"), "the reward 'stop' gave inf for the reply"),
    ],
)
def test_a_reward_that_teaches_nothing_ends_the_run_before_anything_of_it_is_written(
    pell: Pell, monkeypatch: pytest.MonkeyPatch, value: float, told: str
) -> None:
    home, card, _ = pell
    before = files(home)
    monkeypatch.setattr(_STOP, judging(value))
    with pytest.raises(RunError, match=told):
        run_choices(home, card, "bad", "rloo", reward="stop")
    assert files(home) == before


def test_a_reward_that_becomes_no_number_ends_the_run_and_keeps_the_last_checkpoint(
    pell: Pell, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, card, _ = pell
    # Tried, measured before the first step, two steps, measured again; then it fails.
    monkeypatch.setattr(_STOP, judging(1, 1, 1, 1, 1, float("nan")))
    with pytest.raises(RunError, match="the reward 'stop' gave nan"):
        run_choices(home, card, "bad", "rloo", reward="stop", save_steps=1)
    run = Run(home.runs / "pell" / "bad")
    assert not run.finished
    assert newest_step(run.checkpoints) == 2


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nobody", "there is no run 'nobody' of pell; known: first"),
        ("first", "the run first of pell made no reward model; 'roleplay train pell --stage rm' does"),
    ],
)
def test_a_run_that_made_no_reward_model_is_named_before_the_base_is_loaded(
    pell: Pell, monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    home, card, _ = pell
    before = files(home)
    monkeypatch.setattr("roleplay.training.prepare.load_base", lambda *_, **__: pytest.fail("the base was loaded"))
    with pytest.raises(RunError, match=told):
        run_choices(home, card, "bad", "rloo", reward=f"stop + model({name})")
    assert files(home) == before


def test_a_reward_model_that_is_not_finished_is_told_to_be(pell: Pell) -> None:
    home, card, pairs = pell
    run = run_choices(home, card, "taste", "rm", interrupt_at(3), pairs=(str(pairs),))
    assert (run.folder / "reward" / "best").is_dir()
    with pytest.raises(RunError, match=r"reward model of the run taste is not finished; go on .*--resume --run taste'"):
        run_choices(home, card, "bad", "rloo", reward="model(taste)")


# From here on, steps that go too far.


@pytest.fixture
def distances(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nats a reply from where the run began, one a look; the last one for all that follow."""
    told: list[float] = []

    def moved(*_: Any) -> list[float]:
        return [told.pop(0) if len(told) > 1 else told[0]]

    monkeypatch.setattr("roleplay.preference.heldout.moved", moved)
    return told


def test_beyond_the_limit_of_distance_the_run_is_finished_and_its_best_is_within(
    pell: Pell, distances: list[float]
) -> None:
    home, card, _ = pell
    distances += [0, 1, 3, 9]
    run = run_choices(home, card, "near", "rloo", max_kl=5, eval_steps=1)
    summary = run.read_summary()
    assert (summary["finished"], summary["stopped_early"], summary["steps"]) == (True, True, 3)
    assert summary["best_step"] in (1, 2)
    assert summary["heldout"]["best"]["kl"] <= 5


def test_where_no_step_is_within_the_limit_there_is_no_best(pell: Pell, distances: list[float]) -> None:
    home, card, _ = pell
    distances += [0, 9]
    with pytest.raises(RunError, match=r"no step was within --max-kl 5: at step 2 a reply is 9\.0 nats from where it"):
        run_choices(home, card, "far", "rloo", max_kl=5)
    run = Run(home.runs / "pell" / "far")
    assert not run.finished
    assert not run.adapter("best").exists()


@pytest.mark.parametrize("stage", ["dpo", "rm", "rloo"])
def test_a_rate_that_diverges_ends_the_run(pell: Pell, stage: str) -> None:
    home, card, pairs = pell
    changes: dict[str, Any] = {} if stage == "rloo" else {"pairs": (str(pairs),)}
    with pytest.raises(RunError, match=r"training has diverged: .* start a new run with a lower --learning-rate"):
        run_choices(home, card, "wild", stage, learning_rate=1e30, **changes)
    assert not Run(home.runs / "pell" / "wild").finished


def test_several_processes_are_refused(pell: Pell, monkeypatch: pytest.MonkeyPatch) -> None:
    home, card, pairs = pell
    before = files(home)
    monkeypatch.setattr("roleplay.preference.start.processes", lambda: 2)
    with pytest.raises(UsageError, match="--stage dpo trains in one process; start it without accelerate or torchrun"):
        run_choices(home, card, "bad", "dpo", pairs=(str(pairs),))
    assert files(home) == before
