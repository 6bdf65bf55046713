"""Finished runs of a sweep, evaluated on the base that is in memory."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from roleplay.chat.open import open_on
from roleplay.errors import EvaluationError
from roleplay.evaluation.asking import Tell
from roleplay.evaluation.evaluate import evaluate
from roleplay.evaluation.figures.style import placed
from roleplay.evaluation.report import Report, read_report
from roleplay.evaluation.scope import QUICK, Scope
from roleplay.evaluation.sweep import sweep
from roleplay.evaluation.sweep_rows import SweepRow
from roleplay.models.base import Base
from roleplay.paths import Home, write_file
from roleplay.text import fingerprint
from roleplay.training.run import Run
from roleplay.training.start import Start
from roleplay.training.watch import Reporter

FEWER = ("retention_loss", "heldout_bits")
"""Figures of which less is better."""
_LANE = "persona+prefix"
_REPORTS = "reports.json"
"""What is left in the folder of a run: where its reports lie, by what was asked."""


@dataclass(frozen=True)
class Evaluation:
    """How the runs of one character are evaluated."""

    home: Home
    """Where reports are kept."""
    start: Start
    """What a sweep was asked for: whose runs they are."""
    tell: Tell
    """Hears of every step."""
    scope: Scope = QUICK
    """What is asked."""

    def measure(self, run: Run, base: Base) -> dict[str, float]:
        """Evaluate the best adapter of `run` on `base`, which is then as it was; its figures for a table.

        Raises what `evaluate` does, and AdapterError.
        """
        opened = open_on(self.start.card_file, self.home, base, run.adapter("best"))
        try:
            report, place = evaluate(self.start.card_file, self.home, opened, self.scope, self.tell)
        finally:
            if opened.engine.tuned is not None:
                opened.engine.tuned.unload()
        noted = self._reports(run) | {self._asked: str(place.report.relative_to(self.home.evaluations))}
        write_file(run.folder / _REPORTS, json.dumps(noted, indent=2) + "\n")
        return figures(report)

    def report(self, name: str) -> Report | None:
        """The report of the run called `name`; `None` where it was not evaluated with this scope."""
        kept = self._reports(self.run(name)).get(self._asked)
        try:
            return None if kept is None else read_report(self.home.evaluations / kept)
        except EvaluationError:
            return None

    def run(self, name: str) -> Run:
        """The run called `name`."""
        return Run(self.home.runs / self.start.card_file.card.name / name)

    @property
    def _asked(self) -> str:
        return fingerprint(json.dumps(asdict(self.scope) | {"batch": None}, sort_keys=True))[:12]

    def _reports(self, run: Run) -> dict[str, str]:
        try:
            found: dict[str, str] = json.loads((run.folder / _REPORTS).read_bytes())
        except (OSError, ValueError):
            return {}
        return found


def figures(report: Report) -> dict[str, float]:
    """What a report says of the tuned character with its prefix, for a table; what it lacks is left out.

    `rouge_l`; `style`, 0 at the floor and 1 at the ceiling; `retention_loss`, by how many nats per token the base's own
    answers became less likely; `heldout_bits` per character; `stopped`, a share.
    """
    found: dict[str, float] = {}
    for name in ("rouge_l", "style", "retention_loss", "heldout_bits", "stopped"):
        measure = report.measure(name)
        if measure is None:
            continue
        if name == "style":
            found[name] = placed(measure)[_LANE].value
        elif name == "retention_loss":
            found[name] = measure.lanes["persona"].value - measure.lanes["base"].value
        else:
            found[name] = measure.lanes[_LANE].value
    return found


def evaluated_sweep(
    evaluation: Evaluation, points: Sequence[Mapping[str, Any]], *, report: Reporter, say: Callable[[str], None]
) -> list[SweepRow]:
    """`sweep`, each run evaluated: those too that were finished before without it, or were asked otherwise."""

    def rows() -> list[SweepRow]:
        return sweep(evaluation.home, evaluation.start, points, measure=evaluation.measure, report=report, say=say)

    found = rows()
    missing = [row.run for row in found if not row.problem and evaluation.report(row.run) is None]
    if missing and len(found) == len(points):
        for name in missing:  # without this file a sweep measures the run again
            (evaluation.run(name).folder / "sweep.json").unlink(missing_ok=True)
        found = rows()
    told = [(row, evaluation.report(row.run)) for row in found]
    return [row if report is None else replace(row, measures=figures(report)) for row, report in told]
