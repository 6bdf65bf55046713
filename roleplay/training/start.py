"""Begin a run, or go on with one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from roleplay.cards.load import CardFile
from roleplay.errors import UsageError
from roleplay.models.spec import parse_spec
from roleplay.paths import Home
from roleplay.training.run import Run, RunConfig, new_run, resumable_run, runs_of
from roleplay.training.settings import Resolved, resolve
from roleplay.training.tune import Job, prepare


@dataclass(frozen=True)
class Start:
    """What a person asked for."""

    card_file: CardFile
    """The character."""
    base: str | None
    """Typed base; `None` leaves it to card and `pocket`."""
    preset: str | None
    """Typed preset."""
    typed: Mapping[str, Any]
    """Typed settings; `None` values were not typed."""
    run: str | None
    """Typed name of the run."""
    trust_remote_code: bool = False
    """Whether the base's own code may run."""


@dataclass(frozen=True)
class Plan:
    """A run with its settings, before anything is loaded."""

    run: Run
    """Its folder, which may not exist yet."""
    base: str | None
    """The base to load."""
    resolved: Resolved
    """Settings of a new run; a resumed one keeps its own."""
    former: RunConfig | None
    """Configuration of a resumed run."""


def plan_new(home: Home, start: Start) -> Plan:
    """Settings and folder of a new run. Raises UsageError, FileFaults or RunError."""
    base = start.base or start.card_file.card.base
    spec = parse_spec(base, trust_remote_code=start.trust_remote_code)
    resolved = resolve(start.card_file, spec.name, start.preset, start.typed)
    run = new_run(home, start.card_file.card.name, start.run, resolved.preset)
    return Plan(run, base, resolved, None)


def plan_resume(home: Home, start: Start) -> Plan:
    """The run to go on with; settings typed beside --resume must be those it has. Raises RunError or UsageError."""
    run = resumable_run(home, start.card_file.card.name, start.run)
    former = run.read_config()
    kept = former.settings.model_dump()
    odd = {key: value for key, value in start.typed.items() if value is not None and value != kept.get(key)}
    if start.preset not in (None, former.preset):
        odd["preset"] = start.preset
    if odd:
        listed = ", ".join(f"{key} {value} (the run has {kept.get(key, former.preset)})" for key, value in odd.items())
        raise UsageError(f"a resumed run keeps its settings, but {listed} was typed; leave it out, or start a new run")
    resolved = Resolved(former.preset, former.settings, former.sources)
    return Plan(run, start.base or former.base_source, resolved, former)


def load(plan: Plan, start: Start) -> Job:
    """Load base and dataset and pass the gate; the run's folder must be held."""
    spec = parse_spec(plan.base, trust_remote_code=start.trust_remote_code)
    return prepare(plan.run, start.card_file, spec, plan.resolved, plan.former)


def equal_run(home: Home, config: RunConfig) -> Run | None:
    """The newest run, finished or not, that would give the result of `config`."""
    for run in runs_of(home, config.character):
        former = run.read_config()
        same = former.card == config.card and former.dataset == config.dataset and former.settings == config.settings
        if same and not former.base.differences(config.base):
            return run
    return None
