"""Runs of a sweep are evaluated on the base that trained them, which stays as it was."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import PreTrainedTokenizerFast

from roleplay.cards.load import load_card
from roleplay.evaluation import measure_run
from roleplay.evaluation.measure_run import Evaluation, evaluated_sweep, figures
from roleplay.evaluation.scope import Scope
from roleplay.evaluation.sweep import sweep
from roleplay.evaluation.sweep_rows import SweepRow
from roleplay.measures.interval import Interval
from roleplay.models.base import Base
from roleplay.paths import Home
from roleplay.text import fingerprint
from roleplay.training.start import Start
from roleplay.training.watch import Progress
from tests.evaluation.reports import invented
from tests.evaluation.yui import quiet
from tests.tiny import load_tiny_base, save_tiny_base
from tests.training.pell import SETTINGS, Reporter, crash_at, run_pell, write_pell

SHORT = SETTINGS | {"max_steps": 2, "logging_steps": 1}
SMALL = Scope(
    heldout=2, heldout_dialogues=2, trained=0, trained_dialogues=1, probes=0, general=1, max_new_tokens=3, batch=8
)
POINTS = [{"seed": 1}, {"seed": 2}]


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """Without what takes longer than evaluating here."""
    with pytest.MonkeyPatch.context() as patch:
        for place in ("roleplay.training.tune.draw_losses", "roleplay.training.finish.draw_losses"):
            patch.setattr(place, lambda *_: None)
        for name in ("draw_lanes", "draw_style", "write_page"):
            patch.setattr(f"roleplay.evaluation.evaluate.{name}", lambda *_: None)
        patch.setattr("os.fsync", lambda handle: None)
        patch.setattr("gc.collect", lambda *_: 0)
        patch.setattr(PeftModel, "create_or_update_model_card", lambda *_: None)
        yield


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """Folder of a random llama."""
    return save_tiny_base(tmp_path_factory.mktemp("bases") / "tiny", chatml_tokenizer)


@pytest.fixture
def evaluation(home: Home, tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> Evaluation:
    """Of Pell, whose card lies in a folder of the test's own; nothing that ships is in reach."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("roleplay.cards.find.shipped", lambda: tmp_path / "shipped")
    card = write_pell(tmp_path / "characters", base)
    return Evaluation(home, Start(load_card(card), None, None, SHORT | {"seed": None}, None), quiet, SMALL)


def look(base: Base) -> tuple[str, ...]:
    """Hashes of every weight by name, and of what the base says."""
    weights = [name + fingerprint(tensor.numpy().tobytes()) for name, tensor in base.model.state_dict().items()]
    with torch.no_grad():
        return (*weights, fingerprint(base.model(torch.arange(20).unsqueeze(0)).logits.numpy().tobytes()))


def swept(
    evaluation: Evaluation,
    points: Sequence[Mapping[str, int]] = POINTS,
    report: Reporter = lambda progress: None,
) -> list[SweepRow]:
    return evaluated_sweep(evaluation, points, report=report, say=lambda text: None)


def test_the_base_is_as_before_and_the_report_is_found_again(evaluation: Evaluation, base: Path) -> None:
    run = run_pell(evaluation.home, evaluation.start.card_file.path, "one", **SHORT)
    loaded = load_tiny_base(base)
    before = look(loaded)

    found = evaluation.measure(run, loaded)

    assert look(loaded) == before
    assert list(found) == ["rouge_l", "retention_loss", "heldout_bits", "stopped"], "too few lines to judge a style"
    report = evaluation.report("one")
    assert report is not None
    assert report.adapter == "one@best"
    assert figures(report) == found
    assert replace(evaluation, scope=replace(SMALL, general=2)).report("one") is None
    assert replace(evaluation, scope=replace(SMALL, batch=1)).report("one") == report


def test_the_base_is_as_before_where_the_evaluation_ends_early(
    evaluation: Evaluation, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*parts: object) -> None:
        raise KeyboardInterrupt

    run = run_pell(evaluation.home, evaluation.start.card_file.path, "one", **SHORT)
    loaded = load_tiny_base(base)
    before = look(loaded)
    monkeypatch.setattr(measure_run, "evaluate", interrupted)

    with pytest.raises(KeyboardInterrupt):
        evaluation.measure(run, loaded)

    assert look(loaded) == before


def test_each_run_has_the_figures_of_its_report(evaluation: Evaluation) -> None:
    rows = swept(evaluation)
    reports = [evaluation.report(row.run) for row in rows]
    assert [row.measures for row in rows] == [figures(report) for report in reports if report is not None]
    assert rows[0].measures != rows[1].measures
    assert swept(evaluation, report=crash_at(0)) == rows


def test_runs_that_were_finished_without_an_evaluation_are_evaluated_and_not_trained(evaluation: Evaluation) -> None:
    def bare(points: list[dict[str, int]]) -> list[SweepRow]:
        return sweep(
            evaluation.home,
            evaluation.start,
            points,
            measure=lambda run, base: {},
            report=lambda progress: None,
            say=lambda text: None,
        )

    assert [row.measures for row in bare(POINTS)] == [{}, {}]
    rows = swept(evaluation, report=crash_at(0))
    assert all("heldout_bits" in row.measures for row in rows)
    wider = replace(evaluation, scope=replace(SMALL, general=2))
    assert [set(row.measures) for row in swept(wider, report=crash_at(0))] == [set(row.measures) for row in rows]
    assert wider.report(rows[0].run) is not None
    assert swept(evaluation, report=crash_at(0)) == rows, "the figures are those that were asked for"


def test_after_ctrl_c_nothing_more_is_evaluated(evaluation: Evaluation) -> None:
    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    [row] = swept(evaluation, POINTS[:1])
    (evaluation.run(row.run).folder / "reports.json").unlink()

    assert [one.run for one in swept(evaluation, POINTS, stop)] == [row.run]
    assert evaluation.report(row.run) is None


def test_figures_are_those_of_the_tuned_character_with_its_prefix() -> None:
    report = invented()
    told = {name: report.measure(name) for name in ("style", "retention_loss")}
    found = figures(report)
    assert told["style"] is not None
    held = told["style"].references or {}
    assert found["style"] == pytest.approx((0.802 - held["floor"]) / (held["ceiling"] - held["floor"]))
    assert found["heldout_bits"] == 3.104


def test_retention_is_what_the_base_lost(evaluation: Evaluation) -> None:
    report = invented()
    [first] = [one for one in report.measures if one.name == "heldout_bits"]
    lanes = {"persona": Interval(2.5, 2, 3), "base": Interval(2.25, 2, 3)}
    assert figures(replace(report, measures=(replace(first, name="retention_loss", lanes=lanes),))) == {
        "retention_loss": 0.25
    }
