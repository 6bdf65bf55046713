"""A run stopped at any moment goes on to the result of an uninterrupted one, or says why it cannot."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from transformers import PreTrainedTokenizerFast

from roleplay.cards.load import load_card
from roleplay.dataset.corpus import Row
from roleplay.errors import RunError, UsageError
from roleplay.models.passport import read_passport
from roleplay.paths import Home
from roleplay.training.run import Run, runs_of
from roleplay.training.start import Start, load, plan_new, plan_resume
from tests.tiny import save_tiny_base
from tests.training.conftest import Finished
from tests.training.pell import (
    SETTINGS,
    Crash,
    crash_at,
    interrupt_at,
    metrics,
    outcome,
    resume_pell,
    run_pell,
    write_pell,
)


@pytest.fixture(autouse=True)
def no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than training here, and is tested elsewhere."""
    for place in ("tune", "finish"):
        monkeypatch.setattr(f"roleplay.training.{place}.draw_losses", lambda *_: None)


# 13 steps, 3 an epoch: a checkpoint every 5, a log entry every 3, a held-out loss every 4.
@pytest.mark.parametrize("step", [1, 6, pytest.param(10, marks=pytest.mark.soak)])
def test_ctrl_c_saves_and_the_resumed_run_is_the_whole_one(
    tmp_path: Path, card: Path, finished: Finished, step: int
) -> None:
    home = Home(tmp_path / "home")
    run = run_pell(home, card, "whole", interrupt_at(step))
    assert not run.finished
    assert run.adapter("last").is_dir()
    assert (run.checkpoints / f"checkpoint-{step}").is_dir()
    assert resume_pell(home, card) == run
    assert run.finished
    assert outcome(run) == outcome(finished.run)


@pytest.mark.parametrize(("step", "evaluated"), [(2, False), (4, True), (5, False)])
def test_the_last_adapter_of_a_stopped_run_has_the_loss_of_its_own_step_or_none(
    tmp_path: Path, card: Path, step: int, evaluated: bool
) -> None:
    run = run_pell(Home(tmp_path / "home"), card, "run", interrupt_at(step))
    passport = read_passport(run.adapter("last"))
    losses = {entry["step"]: entry["eval_loss"] for entry in metrics(run) if "eval_loss" in entry}
    assert passport.step == step
    assert passport.heldout_loss == losses.get(step)
    assert (passport.heldout_loss is not None) is evaluated


@pytest.mark.parametrize("step", [3, pytest.param(6, marks=pytest.mark.soak), 13])
def test_a_crash_loses_no_more_than_the_steps_since_the_checkpoint(
    tmp_path: Path, card: Path, finished: Finished, step: int
) -> None:
    home = Home(tmp_path / "home")
    with pytest.raises(Crash):
        run_pell(home, card, "whole", crash_at(step))
    run = resume_pell(home, card)
    assert outcome(run) == outcome(finished.run)


def test_a_run_killed_before_its_summary_takes_no_further_step(tmp_path: Path, card: Path, finished: Finished) -> None:
    home = Home(tmp_path / "home")
    run = Run(home.runs / "pell" / "whole")
    shutil.copytree(finished.run.folder, run.folder)
    (run.folder / "summary.json").unlink()
    resume_pell(home, card)
    assert outcome(run) == outcome(finished.run)


def test_a_run_can_be_stopped_again_and_again(tmp_path: Path, card: Path, finished: Finished) -> None:
    home = Home(tmp_path / "home")
    run = run_pell(home, card, "whole", interrupt_at(2))
    for step in (5, 6):
        resume_pell(home, card, None, interrupt_at(step))
    resume_pell(home, card)
    assert outcome(run) == outcome(finished.run)


def test_in_the_middle_of_an_epoch_order_and_prefixes_go_on_as_drawn(
    tmp_path: Path, card: Path, finished: Finished, trained_rows: list[Row]
) -> None:
    home = Home(tmp_path / "home")
    run_pell(home, card, "whole", interrupt_at(7))
    before = len(trained_rows)
    resume_pell(home, card)
    # What was fetched after the interruption are the last rows of the whole run, from the first of step 8 on.
    again, whole = drawn(trained_rows[before:]), drawn(finished.rows)
    assert again == whole[-len(again) :]
    assert len(again) < len(whole) / 2 + 4
    assert {active for _, active in again} == {("who",), ("who", "manner")}


def drawn(rows: list[Row]) -> list[tuple[str, tuple[str, ...]]]:
    """Rows without the paths in them."""
    return [(row.unit.identity, row.active) for row in rows]


def test_a_checkpoint_half_written_is_passed_over(tmp_path: Path, card: Path, finished: Finished) -> None:
    home = Home(tmp_path / "home")
    with pytest.raises(Crash):
        run_pell(home, card, "whole", crash_at(7))
    run = Run(home.runs / "pell" / "whole")
    whole = run.checkpoints / "checkpoint-5"
    shutil.copytree(whole, run.checkpoints / "checkpoint-6")
    (run.checkpoints / "checkpoint-6" / "trainer_state.json").unlink()
    shutil.copytree(whole, run.checkpoints / "tmp-checkpoint-7" / "checkpoint-7")
    resume_pell(home, card)
    assert outcome(run) == outcome(finished.run)
    assert not (run.checkpoints / "tmp-checkpoint-7").exists()


def test_a_metrics_line_cut_off_by_a_crash_is_dropped(tmp_path: Path, card: Path, finished: Finished) -> None:
    home = Home(tmp_path / "home")
    with pytest.raises(Crash):
        run_pell(home, card, "whole", crash_at(8))
    run = Run(home.runs / "pell" / "whole")
    with run.metrics.open("a") as file:
        file.write('{"step": 8, "ep')
    resume_pell(home, card)
    assert metrics(run) == metrics(finished.run)


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, one_thread: None) -> Path:
    """Folder of a run stopped after one step."""
    folder = tmp_path_factory.mktemp("half")
    return run_pell(Home(folder), write_pell(folder / "characters", tiny_base), "half", interrupt_at(1)).folder


@pytest.fixture
def stopped(tmp_path: Path, card: Path, half: Path) -> Run:
    """A run stopped after one step, in the test's home."""
    return Run(shutil.copytree(half, tmp_path / "home" / "runs" / "pell" / "half"))


def test_settings_as_they_are_may_be_typed_again(tmp_path: Path, card: Path, stopped: Run) -> None:
    start = Start(load_card(card), None, "founding", SETTINGS, "half")
    assert plan_resume(Home(tmp_path / "home"), start).run == stopped


@pytest.mark.parametrize(
    ("preset", "typed", "told"),
    [
        (None, {"rank": 3}, "rank 3 (the run has 16)"),
        (None, {"epochs": 7.0, "seed": 4}, "epochs 7.0 (the run has 100.0), seed 4 (the run has 0)"),
        ("quick", {}, "preset quick (the run has founding)"),
    ],
)
def test_other_settings_typed_beside_resume_are_wrong_usage(
    tmp_path: Path, card: Path, stopped: Run, preset: str | None, typed: dict[str, Any], told: str
) -> None:
    start = Start(load_card(card), None, preset, typed, None)
    with pytest.raises(UsageError) as caught:
        plan_resume(Home(tmp_path / "home"), start)
    assert told in str(caught.value)


def test_a_changed_card_is_named(tmp_path: Path, card: Path, stopped: Run, tiny_base: Path) -> None:
    write_pell(card.parent, tiny_base, more="tags: [new]\n")
    with pytest.raises(RunError, match=r"home/runs/pell/half cannot go on: card changed"):
        resume_pell(Home(tmp_path / "home"), card)


def test_a_changed_corpus_is_named(tmp_path: Path, card: Path, stopped: Run, tiny_base: Path) -> None:
    talk = (card.parent / "pell" / "talk.yaml").read_text() + "- - user: New?\n  - char: New.\n"
    write_pell(card.parent, tiny_base, talk=talk)
    with pytest.raises(RunError, match="cannot go on: dataset changed"):
        resume_pell(Home(tmp_path / "home"), card)


def test_everything_that_changed_is_named_at_once(tmp_path: Path, card: Path, stopped: Run, tiny_base: Path) -> None:
    write_pell(card.parent, tiny_base, more="tags: [new]\n", talk="- - user: New?\n  - char: New.\n")
    with pytest.raises(RunError, match="cannot go on: card, dataset changed"):
        resume_pell(Home(tmp_path / "home"), card)


def test_another_base_is_refused(
    tmp_path: Path, card: Path, stopped: Run, chatml_tokenizer: PreTrainedTokenizerFast
) -> None:
    other = save_tiny_base(tmp_path / "other", chatml_tokenizer, seed=1)
    with pytest.raises(RunError, match=r"cannot go on: base \(weights\) changed"):
        resume_pell(Home(tmp_path / "home"), card, base=str(other))


def test_a_refused_run_stays_as_it_was(tmp_path: Path, card: Path, stopped: Run, tiny_base: Path) -> None:
    before = {path: path.read_bytes() for path in stopped.folder.rglob("*") if path.is_file()}
    write_pell(card.parent, tiny_base, more="tags: [new]\n")
    with pytest.raises(RunError):
        resume_pell(Home(tmp_path / "home"), card)
    assert {path: path.read_bytes() for path in stopped.folder.rglob("*") if path.is_file()} == before


def test_the_decisions_of_the_machine_that_began_are_kept(
    tmp_path: Path, card: Path, stopped: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stopped.folder / "run.json"
    value = json.loads(path.read_text())
    assert value["decisions"]["attention"] == "eager"
    value["decisions"] |= {"threads": 2, "attention": "sdpa"}
    path.write_text(json.dumps(value))
    threads: list[int] = []
    monkeypatch.setattr("torch.set_num_threads", threads.append)
    start = Start(load_card(card), None, None, {}, None)
    plan = plan_resume(Home(tmp_path / "home"), start)
    job = load(plan, start)
    assert threads == [2]
    assert job.base.model.config._attn_implementation == "sdpa"
    assert job.config.decisions == plan.former.decisions


def test_without_any_run_there_is_nothing_to_resume(tmp_path: Path, card: Path) -> None:
    with pytest.raises(RunError, match="pell has no unfinished run to resume; leave --resume out"):
        resume_pell(Home(tmp_path / "home"), card)


def test_a_finished_run_is_not_resumed(tmp_path: Path, card: Path, finished: Finished) -> None:
    home = Home(finished.run.folder.parents[2])
    with pytest.raises(RunError, match="pell has no unfinished run"):
        resume_pell(home, card)
    with pytest.raises(RunError, match="the run whole is finished; there is nothing to resume"):
        resume_pell(home, card, "whole")


def test_an_unknown_run_is_answered_with_the_nearest(tmp_path: Path, card: Path, stopped: Run) -> None:
    with pytest.raises(RunError, match=r"no run 'halv' of pell; did you mean 'half'\?"):
        resume_pell(Home(tmp_path / "home"), card, "halv")


@pytest.mark.parametrize(
    "damage",
    ["", "{", "[]", "null", "{}", '{"settings": {}}'],
)
def test_a_damaged_configuration_is_an_error_that_names_the_file(
    tmp_path: Path, card: Path, stopped: Run, damage: str
) -> None:
    (stopped.folder / "run.json").write_text(damage)
    with pytest.raises(RunError, match=r"home/runs/pell/half/run\.json is missing or damaged \(.+\); start a new run"):
        resume_pell(Home(tmp_path / "home"), card)


def test_a_setting_of_another_version_is_damage(tmp_path: Path, card: Path, stopped: Run) -> None:
    path = stopped.folder / "run.json"
    value = json.loads(path.read_text())
    value["settings"]["momentum"] = 1
    path.write_text(json.dumps(value))
    with pytest.raises(RunError, match="missing or damaged"):
        resume_pell(Home(tmp_path / "home"), card)


def test_a_taken_name_is_refused(tmp_path: Path, card: Path, stopped: Run) -> None:
    with pytest.raises(RunError, match=r"the run home/runs/pell/half exists; go on with --resume --run half"):
        run_pell(Home(tmp_path / "home"), card, "half")


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "a/b", "../up", "a\\b", "a b", "x" * 65, "a\n", "a\0", "图"]
)
def test_a_name_that_is_no_plain_file_name_is_refused(tmp_path: Path, card: Path, name: str) -> None:
    with pytest.raises(RunError, match="is no name for a run; use "):
        plan_new(Home(tmp_path / "home"), Start(load_card(card), None, None, {}, name))
    assert not (tmp_path / "home").exists()


def test_names_made_of_date_and_preset_do_not_collide(
    tmp_path: Path, card: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.strftime", lambda form: "2026-05-01-120000")
    home, names = Home(tmp_path / "home"), []
    for _ in range(3):
        run = plan_new(home, Start(load_card(card), None, "pocket", {}, None)).run
        names.append(run.name)
        run.folder.mkdir(parents=True)
    assert names == ["2026-05-01-120000-pocket", "2026-05-01-120000-pocket-2", "2026-05-01-120000-pocket-3"]


def test_a_folder_in_use_is_refused(tmp_path: Path, card: Path, stopped: Run) -> None:
    with (
        FileLock(stopped.folder / ".lock"),
        pytest.raises(RunError, match=r"another process is training in home/runs/pell/half; wait for it"),
    ):
        resume_pell(Home(tmp_path / "home"), card)
    run = resume_pell(Home(tmp_path / "home"), card, None, interrupt_at(2))
    assert run == stopped


def test_the_newest_unfinished_run_is_resumed(tmp_path: Path, card: Path, stopped: Run) -> None:
    home = Home(tmp_path / "home")
    newer = run_pell(home, card, "newer", interrupt_at(1))
    assert runs_of(home, "pell") == [newer, stopped]
    assert plan_resume(home, Start(load_card(card), None, None, {}, None)).run == newer
