"""Begin a run, or go on with one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from roleplay.cards.load import CardFile
from roleplay.errors import UsageError
from roleplay.models.spec import parse_spec
from roleplay.paths import Home
from roleplay.training.contradictions import refuse_contradictions
from roleplay.training.material import own_material
from roleplay.training.origin import with_origin
from roleplay.training.prepare import Job, Loaded, prepare
from roleplay.training.resolve import Resolved, resolve, retyped
from roleplay.training.run import Run, RunConfig, new_run, resumable_run, runs_of
from roleplay.training.settings import FOLLOWS_LOSS

_SHAPE = (
    "stage",
    "tuning",
    "freeze_layers",
    "from_adapter",
    "rank",
    "alpha",
    "rslora",
    "optimizer",
    "loraplus_lr_ratio",
    "seed",
)
"""What checkpoints hold the outcome of: another value would not fit, or would be ignored."""


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

    home: Home
    """Where it is kept."""
    run: Run
    """Its folder, which may not exist yet."""
    base: str | None
    """The base to load."""
    resolved: Resolved
    """Its settings."""
    former: RunConfig | None
    """Configuration of a resumed run, as it was."""
    anyway: bool = False
    """Whether a resumed run goes on with whatever changed."""


def plan_new(home: Home, start: Start) -> Plan:
    """Settings and folder of a new run. Raises UsageError, FileFaults, AdapterError or RunError."""
    base = start.base or start.card_file.card.base
    spec = parse_spec(base, trust_remote_code=start.trust_remote_code)
    name = start.card_file.card.name
    resolved = with_origin(resolve(start.card_file, spec.name, start.preset, start.typed), home, name, start.typed)
    return Plan(home, new_run(home, name, start.run, resolved.preset), base, resolved, None)


def plan_resume(home: Home, start: Start, *, anyway: bool = False) -> Plan:
    """The run to go on with; settings typed beside it must be those it has, unless `anyway`.

    Raises RunError or UsageError.
    """
    run = resumable_run(home, start.card_file.card.name, start.run)
    former = run.read_config()
    settings = retyped(former.settings, start.typed)
    odd = {key: value for key, value in settings if value != getattr(former.settings, key)}
    told = [f"{key} {value} (the run has {getattr(former.settings, key)})" for key, value in odd.items()]
    if start.preset not in (None, former.preset):
        told.append(f"preset {start.preset} (the run has {former.preset})")
    fixed = [key for key in odd if key in _SHAPE]
    if {"scheduler", "scheduler_options"} & odd.keys():
        fixed += [name for name in FOLLOWS_LOSS if name in (former.settings.scheduler, settings.scheduler)]
    if told and (fixed or not anyway or start.preset not in (None, former.preset)):
        remedy = "leave it out, or start a new run"
        if not anyway and not fixed:
            remedy = "leave it out, accept it with --anyway, or start a new run"
        raise UsageError(f"a resumed run keeps its settings, but {', '.join(told)} was typed; {remedy}")
    refuse_contradictions(settings)
    sources = {**former.sources, **dict.fromkeys(odd, "typed on resume")}
    return Plan(home, run, start.base or former.base_source, Resolved(former.preset, settings, sources), former, anyway)


def load(plan: Plan, start: Start, *, cached: bool = True, loaded: Loaded | None = None) -> Job:
    """Load base and dataset and pass the gate; the run's folder must be held.

    Nothing is written where not `cached`; else rendered samples are kept in the home. A base that is `loaded` already
    is taken where it fits; after an error it may have an adapter on it.
    """
    card_file, settings = start.card_file, plan.resolved.settings
    spec = parse_spec(plan.base, trust_remote_code=start.trust_remote_code)
    cache, books = plan.home.token_cache if cached else None, plan.home.knowledge_of(card_file.card.name)
    material = own_material(card_file, spec, settings, cache, books)
    return prepare(plan.run, card_file, spec, plan.resolved, plan.former, material, anyway=plan.anyway, loaded=loaded)


def equal_run(home: Home, config: RunConfig) -> Run | None:
    """The newest run, finished or not, that would give the result of `config`."""
    for run in runs_of(home, config.character):
        former = run.read_config()
        same = former.card == config.card and former.dataset == config.dataset and former.settings == config.settings
        if same and not former.base.differences(config.base):
            return run
    return None
