"""Trainings one after another, on a base that is loaded once."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from roleplay.cards.load import CardFile
from roleplay.dataset.entries import entry_dialogues, entry_texts
from roleplay.errors import RunError, UsageError
from roleplay.evaluation.grid import short
from roleplay.evaluation.sweep_rows import SweepRow, value_text
from roleplay.models.base import Base, identify, load_tokenizer
from roleplay.models.spec import parse_spec
from roleplay.paths import Home, write_file
from roleplay.text import fingerprint
from roleplay.training.origin import with_origin
from roleplay.training.prepare import Loaded, load_bare, take_off
from roleplay.training.processes import processes
from roleplay.training.resolve import Resolved, load_presets, resolve
from roleplay.training.run import Run
from roleplay.training.start import Plan, Start, load, plan_resume
from roleplay.training.tune import train
from roleplay.training.watch import Reporter

Measure = Callable[[Run, Base], Mapping[str, float]]
"""Figures of a finished run; whatever it puts on the base it takes off again."""

_LABEL = 48
"""Characters of a run's name before its hash."""
_FILE = "sweep.json"
"""What a sweep leaves in the folder of a run."""


@dataclass(frozen=True)
class _Point:
    """A run as it is to be."""

    settings: Mapping[str, Any]
    """What the grid sets."""
    run: Run
    """Its folder."""
    resolved: Resolved
    """All its settings."""


@dataclass(frozen=True)
class _Outcome:
    """What was found out about a run beside its training."""

    measures: dict[str, float]
    """By name."""
    problem: str = ""
    """Why it diverged; else empty."""


_OUTCOME = TypeAdapter(_Outcome)


class _Workbench:
    """Where one run after another is trained and measured; keeps the base between them."""

    def __init__(self, home: Home, start: Start, measure: Measure, report: Reporter, say: Callable[[str], None]):
        self.home, self.start, self.measure, self.report, self.say = home, start, measure, report, say
        self._loaded: Loaded | None = None

    def finish(self, point: _Point) -> _Outcome | None:
        """Train and measure what is not yet; `None` where Ctrl-C came."""
        run = point.run
        with run.locked():
            problem = "" if run.finished else self._train(point)
            if not run.finished and not problem:
                return None
            outcome = _Outcome({} if problem else dict(self.measure(run, self._base(run))), problem)
            write_file(run.folder / _FILE, json.dumps(asdict(outcome), indent=2) + "\n")
        return outcome

    def _train(self, point: _Point) -> str:
        """Train it to the end or to Ctrl-C; returns why it diverged, or nothing."""
        resume = (point.run.folder / "run.json").exists()
        plan = Plan(self.home, point.run, self.start.base or self.start.card_file.card.base, point.resolved, None)
        if resume:
            plan = plan_resume(self.home, replace(self.start, preset=None, typed={}, run=point.run.name))
        loaded, self._loaded = self._loaded, None  # where loading fails it may have an adapter on it
        job = load(plan, self.start, loaded=loaded)
        try:
            train(job, resume=resume, report=self.report, say=self.say)
        except RunError as error:
            return str(error)
        finally:
            self._loaded = take_off(job)
        return ""

    def _base(self, run: Run) -> Base:
        """The base in memory; loaded where nothing was trained yet."""
        if self._loaded is None:
            config = run.read_config()
            spec = parse_spec(config.base_source, trust_remote_code=self.start.trust_remote_code)
            self._loaded = load_bare(spec, config.decisions, config.settings.quant)
        return self._loaded.base


def sweep(
    home: Home,
    start: Start,
    points: Sequence[Mapping[str, Any]],
    *,
    measure: Measure,
    report: Reporter,
    say: Callable[[str], None],
) -> list[SweepRow]:
    """Train and measure a run for each of `points`, which are settings to put beside those typed in `start`.

    A run's name follows from all that decides it: a second call skips what is finished and measured, and goes on with
    what was begun. The base is loaded once. Ctrl-C saves and ends the sweep: there are fewer rows than points. A run
    that diverges has a row with its problem. The run named in `start` plays no part. Raises UsageError for points that
    cannot be trained, before any is, and every error of loading and measuring.
    """
    planned = _plan(home, start, points)
    bench = _Workbench(home, start, measure, report, say)
    rows: list[SweepRow] = []
    try:
        for number, point in enumerate(planned, 1):
            outcome = _outcome(point.run)
            if outcome is None:
                say(f"run {number} of {len(planned)}: {point.run.name}")
                outcome = bench.finish(point)
            if outcome is None:
                break
            rows.append(_row(point, outcome))
    except KeyboardInterrupt:
        pass
    if len(rows) < len(planned):
        say(f"stopped after {len(rows)} of {len(planned)} runs; the same command goes on from there")
    return rows


def _plan(home: Home, start: Start, points: Sequence[Mapping[str, Any]]) -> list[_Point]:
    """Every point with its settings and its run. Raises UsageError with all faults at once."""
    if processes() > 1:
        raise UsageError("a sweep keeps one base for all its runs and trains in one process; start it without torchrun")
    if start.preset in load_presets("choice_presets.yaml"):
        raise UsageError(
            f"a sweep trains dialogues or texts, and --preset {start.preset} learns by choices; begin such runs one by "
            "one with 'roleplay train'"
        )
    card = start.card_file.card
    spec = parse_spec(start.base or card.base, trust_remote_code=start.trust_remote_code)
    typed = {key: value for key, value in start.typed.items() if value is not None}
    wrong = {f"{key} is typed and in the grid; leave one out": None for key in typed if any(key in p for p in points)}
    resolved: list[Resolved] = []
    for point in points:
        try:
            both = {**typed, **point}
            found = with_origin(resolve(start.card_file, spec.name, start.preset, both), home, card.name, both)
            if found.settings.tuning != "lora":
                raise UsageError(f"a sweep compares adapters, and --tuning {found.settings.tuning} makes none")
            resolved.append(found)
        except UsageError as error:
            wrong[str(error)] = None
    if wrong or not points:
        raise UsageError("; ".join(wrong) or "a sweep needs settings to try; name some with --grid")
    same = [asdict(identify(spec, load_tokenizer(spec))), start.card_file.identity, _dialogues(start.card_file)]
    names = [
        _name(point, [found.settings.model_dump(mode="json"), *same])
        for point, found in zip(points, resolved, strict=True)
    ]
    runs = [Run(home.runs / card.name / name) for name in names]
    return [_Point(*parts) for parts in zip(points, runs, resolved, strict=True)]


def _name(point: Mapping[str, Any], decides: Sequence[Any]) -> str:
    """`sweep-lr0.001-rank8-` and a hash of everything that decides the run."""
    label = "-".join(["sweep", *(f"{short(key)}{value_text(value)}" for key, value in point.items())])
    return f"{label[:_LABEL].replace('+', '')}-{fingerprint(json.dumps(decides, sort_keys=True))[:12]}"


def _dialogues(card_file: CardFile) -> list[str]:
    """Hashes of everything in the card's corpora. Raises FileFaults."""
    found: list[str] = []
    for at, entry in enumerate(card_file.card.corpora):
        if entry.kind == "text":
            found += [text.identity for text in entry_texts(card_file, at).texts]
        else:
            found += [dialogue.identity for dialogue in entry_dialogues(card_file, at).dialogues]
    return found


def _outcome(run: Run) -> _Outcome | None:
    """What is known of a run that needs no more work; `None` where it does."""
    try:
        return _OUTCOME.validate_json((run.folder / _FILE).read_bytes())
    except (OSError, ValidationError):
        return None


def _row(point: _Point, outcome: _Outcome) -> SweepRow:
    summary = {} if outcome.problem else point.run.read_summary()
    return SweepRow(
        point.settings,
        point.run.name,
        summary.get("heldout_loss"),
        summary.get("best_heldout_loss"),
        summary.get("seconds"),
        outcome.measures,
        outcome.problem,
    )
