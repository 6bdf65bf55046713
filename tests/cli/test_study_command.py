"""`roleplay study`, on Pell's random base."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from peft import PeftModel

from roleplay.cli.progress import Bar
from roleplay.evaluation.scope import Scope
from roleplay.paths import Home
from roleplay.training.run import runs_of
from tests.cli.conftest import Outcome, refused, roleplay
from tests.training.pell import interrupt_at, write_pell

TRAINING = """\
training: {batch_size: 4, grad_accum: 2, alpha: 8, rank: 2, learning_rate: 5.0e-3, dtype: float32, save_steps: 9}
"""
SMALL = Scope(heldout=1, heldout_dialogues=2, trained=0, trained_dialogues=1, probes=0, general=1, max_new_tokens=2)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Few questions, and of the pictures only the study's."""
    monkeypatch.setattr("roleplay.evaluation.scope.QUICK", SMALL)
    for place in ("roleplay.training.tune.draw_losses", "roleplay.training.finish.draw_losses"):
        monkeypatch.setattr(place, lambda *_: None)
    for name in ("draw_lanes", "draw_style", "write_page"):
        monkeypatch.setattr(f"roleplay.evaluation.evaluate.{name}", lambda *_: None)
    monkeypatch.setattr("gc.collect", lambda *_: 0)
    monkeypatch.setattr(PeftModel, "create_or_update_model_card", lambda *_: None)
    return


@pytest.fixture
def card(project: Path, tiny_base: Path) -> Path:
    """Pell's card."""
    return write_pell(project / "characters", tiny_base, more=TRAINING)


def study(*flags: str) -> Outcome:
    return roleplay("study", "pell", "--epochs", "1", *flags)


def test_three_runs_are_trained_and_asked_both_ways_and_a_second_call_only_reads(
    card: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = study()

    assert first.status == 0
    lines = first.out.splitlines()
    assert lines[0] == "Pell (pell)  preset founding, 1 epochs on tiny"
    at = lines.index("held-out lines, bits per character")
    assert [line[:23].strip() for line in lines[at + 2 : at + 6]] == ["base alone", "never", "half the time", "always"]
    runs = {run.read_config().settings.prefix_dropout: run for run in runs_of(home, "pell")}
    assert set(runs) == {0, 0.5, 1}
    [folder] = (home.evaluations / "pell").glob("study-*")
    assert {path.name for path in folder.iterdir()} == {"study.json", "study.md", "study.png"}
    assert "Made by `roleplay study pell --epochs 1`." in (folder / "study.md").read_text()
    assert f"picture and Markdown: {folder}" in first.err
    assert "chat takes sweep-prefix_dropout0-" in first.err

    monkeypatch.setattr("roleplay.evaluation.sweep.load", None)  # nothing is trained, no base is loaded
    again = study("--json")

    assert (again.status, again.json["epochs"]) == (0, 1.0)
    assert [row["run"] for row in again.json["rows"]] == ["", *(runs[share].name for share in (1, 0.5, 0))]
    assert again.json["rows"][1]["asked_with"]["heldout_bits"] != again.json["rows"][3]["asked_with"]["heldout_bits"]


def test_ctrl_c_ends_with_130_and_no_table(card: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    press = interrupt_at(1)
    monkeypatch.setattr(Bar, "report", lambda bar, progress: press(progress))
    stopped = study("--preset", "quick")
    assert (stopped.status, stopped.out) == (130, "")
    assert "stopped after 0 of 3 runs; the same command goes on from there" in stopped.err
    assert not home.evaluations.exists()


def test_what_cannot_be_studied_is_one_clear_error(card: Path, home: Home) -> None:
    assert "there is no character 'nobody'" in refused(roleplay("study", "nobody"), 1)
    assert "--epochs" in refused(roleplay("study", "pell", "--epochs", "0"), 2)
    text = card.read_text()
    card.write_text(text[: text.index("prefixes:")] + text[text.index("corpora:") :])
    assert "pell has no prefix that a new chat has on" in refused(study(), 1)
    assert not home.runs.exists()
