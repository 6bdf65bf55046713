"""The prefix study: trained never, half the time and always with the prefix, asked with it and without."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from roleplay.errors import EvaluationError
from roleplay.evaluation.figures.style import placed
from roleplay.evaluation.measure_run import Evaluation, evaluated_sweep
from roleplay.evaluation.report import Report
from roleplay.measures.interval import Interval
from roleplay.text import fingerprint
from roleplay.training.watch import Reporter

TRAINED: Mapping[str, float] = {"never": 1.0, "half": 0.5, "always": 0.0}
"""How often a run is trained with the prefix, with the `prefix_dropout` that makes it so."""
MEASURES: Mapping[str, str] = {
    "heldout_bits": "held-out lines, bits per character",
    "style": "style, others' lines 0 %, its own 100 %",
    "rouge_l": "ROUGE-L",
}
"""Figures of a study with their titles."""


@dataclass(frozen=True)
class StudyRow:
    """One way to train, asked both ways."""

    trained: str
    """`base` for the base alone; else `never`, `half` or `always`: how often with the prefix."""
    run: str
    """Name of the run; empty for the base."""
    asked_with: dict[str, Interval]
    """Figures with the prefix, by a name of `MEASURES`; what was not measured is left out."""
    asked_without: dict[str, Interval]
    """Figures without."""


@dataclass(frozen=True)
class Study:
    """What the prefix does in training."""

    character: str
    """Name of the card."""
    display_name: str
    """Name the character goes by."""
    base: str
    """Name of the base."""
    preset: str
    """Preset of the three runs."""
    epochs: float
    """Passes over the dataset of each."""
    rows: tuple[StudyRow, ...]
    """The base, then the runs, from never to always."""

    @property
    def measures(self) -> list[str]:
        """Names of the figures that every row has."""
        return [name for name in MEASURES if all(name in row.asked_with for row in self.rows)]


def prefix_study(evaluation: Evaluation, *, report: Reporter, say: Callable[[str], None]) -> tuple[Study, Path] | None:
    """Train and evaluate what is not yet, and return the table with the folder for it; `None` where Ctrl-C came.

    Raises EvaluationError for a card without a prefix that a new chat has on, and where a run diverges or nothing is
    held out; and every error of a sweep.
    """
    card = evaluation.start.card_file.card
    if not any(prefix.default for prefix in card.prefixes):
        raise EvaluationError(f"{card.name} has no prefix that a new chat has on; give the card one to study")
    points = [{"prefix_dropout": dropout} for dropout in TRAINED.values()]
    rows = evaluated_sweep(evaluation, points, report=report, say=say)
    if len(rows) < len(points):
        return None
    reports: dict[str, tuple[str, Report]] = {}
    for trained, row in zip(TRAINED, rows, strict=True):
        found = evaluation.report(row.run)
        if found is None:
            raise EvaluationError(f"the run trained {trained} with the prefix came to nothing: {row.problem}")
        reports[trained] = row.run, found
    run = evaluation.run(rows[0].run)
    config = run.read_config()
    study = Study(
        character=card.name,
        display_name=card.display_name,
        base=config.base.name,
        preset=config.preset,
        epochs=run.read_summary()["epochs"],
        rows=(
            _row("base", "", "base", reports["never"][1]),
            *(_row(trained, run, "persona", found) for trained, (run, found) in reports.items()),
        ),
    )
    if not study.measures:
        raise EvaluationError(f"{card.name} holds no dialogue out to measure the prefix by; add dialogues")
    decided = json.dumps([[row.run for row in rows], asdict(evaluation.scope)], sort_keys=True)
    return study, evaluation.home.evaluations / card.name / f"study-{fingerprint(decided)[:8]}"


def _row(trained: str, run: str, who: str, report: Report) -> StudyRow:
    return StudyRow(trained, run, _figures(report, f"{who}+prefix"), _figures(report, who))


def _figures(report: Report, lane: str) -> dict[str, Interval]:
    """The lane's figures; style as a place between floor and ceiling."""
    found: dict[str, Interval] = {}
    for name in MEASURES:
        measure = report.measure(name)
        if measure is not None and lane in measure.lanes:
            found[name] = placed(measure)[lane] if name == "style" else measure.lanes[lane]
    return found
