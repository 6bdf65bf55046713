"""Load a run by choices: base, adapter, pairs, prompts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roleplay.errors import RunError, UsageError
from roleplay.models.base import Base
from roleplay.models.shape import WEIGHTS
from roleplay.models.spec import parse_spec
from roleplay.paths import Home, shown
from roleplay.preference.lessons import Lessons
from roleplay.preference.material import choice_material
from roleplay.preference.reward_model.attach import attach_reward
from roleplay.preference.reward_model.runs import find_reward
from roleplay.preference.rewards.spec import parse_reward
from roleplay.training.prepare import Job, prepare
from roleplay.training.processes import processes
from roleplay.training.settings import Settings
from roleplay.training.start import Plan, Start


@dataclass(frozen=True)
class ChoiceJob:
    """A run by choices that is ready to train."""

    job: Job
    """What every run has."""
    lessons: Lessons
    """What it learns from."""
    home: Home
    """Where other characters and runs lie."""


def load(plan: Plan, start: Start, *, cached: bool = True) -> ChoiceJob:
    """Load base, dataset, pairs and the adapter to begin with; the run's folder must be held.

    Nothing is written where not `cached`; else rendered samples are kept in the home. Raises UsageError, FileFaults,
    RunError, and every error of loading.
    """
    card_file, settings = start.card_file, plan.resolved.settings
    if processes() > 1:
        raise UsageError(f"--stage {settings.stage} trains in one process; start it without accelerate or torchrun")
    for term in parse_reward(settings.reward) if settings.reward else ():
        if term.name == "model":  # told before a base is loaded
            find_reward(plan.home, card_file.card.name, term.argument or "")
    _need_origin(settings)
    spec = parse_spec(plan.base, trust_remote_code=start.trust_remote_code)
    cache, books = plan.home.token_cache if cached else None, plan.home.knowledge_of(card_file.card.name)
    material, lessons = choice_material(card_file, spec, settings, cache, books)
    job = prepare(
        plan.run,
        card_file,
        spec,
        plan.resolved,
        plan.former,
        material,
        anyway=plan.anyway,
        attach=_attach_head if settings.stage == "rm" else None,
    )
    return ChoiceJob(job, lessons, plan.home)


def _need_origin(settings: Settings) -> None:
    """Raises RunError where the adapter that a resumed run began with, and is held to, is gone."""
    if settings.from_adapter is not None and not (Path(settings.from_adapter) / WEIGHTS).is_file():
        raise RunError(
            f"the adapter that the run begins with is gone: {shown(Path(settings.from_adapter))}; put it back, or "
            "start a new run"
        )


def _attach_head(base: Base, settings: Settings) -> tuple[Any, str]:
    tuned, targets = attach_reward(
        base,
        rank=settings.rank,
        alpha=settings.alpha,
        dropout=settings.dropout,
        rslora=settings.rslora,
        seed=settings.seed,
    )
    return tuned, f"{targets}, and a head that rewards"
