"""Load a run by choices: base, adapter, pairs, prompts."""

from dataclasses import dataclass
from typing import Any

from roleplay.cards.load import CardFile
from roleplay.errors import UsageError
from roleplay.models.base import Base
from roleplay.models.spec import parse_spec
from roleplay.paths import Home
from roleplay.preference.lessons import Lessons
from roleplay.preference.material import choice_material
from roleplay.preference.reward_model import attach_reward
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

    @property
    def card_file(self) -> CardFile:
        """The character."""
        return self.job.card_file


def load(plan: Plan, start: Start, *, cached: bool = True) -> ChoiceJob:
    """Load base, dataset, pairs and the adapter to begin with; the run's folder must be held.

    Nothing is written where not `cached`; else rendered samples are kept in the home. Raises UsageError, FileFaults,
    RunError, and every error of loading.
    """
    card_file, settings = start.card_file, plan.resolved.settings
    if processes() > 1:
        raise UsageError(f"--stage {settings.stage} trains in one process; start it without accelerate or torchrun")
    if settings.reward:
        parse_reward(settings.reward)
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
