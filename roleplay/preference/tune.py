"""From a loaded run by choices to a finished one."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from roleplay.corpora.pairs import write_pairs
from roleplay.generation.settings import Sampling
from roleplay.measures.win_rate import win_rate
from roleplay.models.passport import Passport
from roleplay.preference.heldout import Heldout
from roleplay.preference.picture import draw_choices
from roleplay.preference.reward_model.files import load_reward, save_reward
from roleplay.preference.reward_model.heldout import RewardHeldout, keep_scale
from roleplay.preference.reward_model.runs import reward_folder
from roleplay.preference.rewarding import judges_of, ready_reward, worth_of
from roleplay.preference.stages import paired_trainer, rewarded_trainer
from roleplay.preference.start import ChoiceJob
from roleplay.preference.trainers import ChoiceTrainer
from roleplay.training.finish import finish, told
from roleplay.training.keep import keep, readme
from roleplay.training.kept_trainer import KeptTrainer
from roleplay.training.prepare import Job
from roleplay.training.run import read_metrics
from roleplay.training.settings import REWARDED
from roleplay.training.tune import Beside, Method, Say
from roleplay.training.tune import train as train_job
from roleplay.training.watch import Reporter


def train(choice: ChoiceJob, *, resume: bool, report: Reporter, say: Say) -> dict[str, Any]:
    """Train to the end or to Ctrl-C; returns the summary, with `finished` false after Ctrl-C.

    Raises StorageError where a checkpoint cannot be written, RunError where training diverges or the reward teaches
    nothing; what was saved before stays usable.
    """
    for reason, count in choice.lessons.left:
        say(f"left out of the pairs, {count}: they {reason}")
    model = choice.job.base.model
    try:
        return train_job(choice.job, resume=resume, report=report, say=say, method=method_of(choice, say))
    finally:
        model.__dict__.pop("forward", None)  # TRL puts one of its own there


def method_of(choice: ChoiceJob, say: Say) -> Method:
    """How a run learns; `say` hears of what its reward does not teach. Raises what `ready_reward` does."""
    stage = choice.job.config.settings.stage
    return Rewards(choice) if stage == "rm" else Draws(choice, say) if stage in REWARDED else Pairs(choice)


class Pairs:
    """Learning from pairs directly."""

    def __init__(self, choice: ChoiceJob) -> None:
        self.choice = choice

    def trainer(self, job: Job, beside: Beside) -> ChoiceTrainer:
        """The best is chosen by held-out pairs."""
        self._write_pairs(job)
        lessons = self.choice.lessons
        return paired_trainer(job, lessons, Heldout(job.base, lessons, job.config.settings.beta), beside)

    def keep(self, job: Job, trainer: KeptTrainer, which: str, loss: float | None) -> None:
        """The adapter; its passport tells no loss, for that of choices is none of its tokens."""
        keep(job, which, trainer.state.global_step, None)

    def finish(self, job: Job, trainer: KeptTrainer, seconds: float, early: bool, say: Say) -> dict[str, Any]:
        """What every run tells of its adapter, and what held-out choices say of it."""
        job.base.model.__dict__.pop("forward", None)
        return finish(job, trainer.state, seconds, early=early, say=say, more=outcome(self.choice, trainer))

    def _write_pairs(self, job: Job) -> None:
        learned, out = self.choice.lessons.train, self.choice.lessons.heldout
        for name, examples in (("pairs.jsonl", learned), ("heldout-pairs.jsonl", out)):
            if examples:
                write_pairs(job.run.folder / name, [example.pair for example in examples])


class Draws(Pairs):
    """Learning from rewarded replies."""

    def __init__(self, choice: ChoiceJob, say: Say) -> None:
        super().__init__(choice)
        self.reward = ready_reward(choice, say)  # before anything of the run is written

    def trainer(self, job: Job, beside: Beside) -> ChoiceTrainer:
        """The best is chosen by held-out pairs, and where there are none by what held-out replies are worth."""
        self._write_pairs(job)
        settings, lessons = job.config.settings, self.choice.lessons
        # Drawn as they are learned from, and with other seeds than a chat's.
        sampling = Sampling(settings.temperature, 1.0, max_new_tokens=settings.max_new_tokens, seed=settings.seed)
        heldout = Heldout(job.base, lessons, settings.beta, worth_of(self.reward), sampling)
        return rewarded_trainer(job, lessons, heldout, beside, judges_of(self.reward))


class Rewards(Pairs):
    """Learning to reward as the pairs do."""

    def trainer(self, job: Job, beside: Beside) -> ChoiceTrainer:
        """The best is chosen by held-out pairs."""
        self._write_pairs(job)
        return paired_trainer(job, self.choice.lessons, RewardHeldout(job.base, self.choice.lessons), beside)

    def keep(self, job: Job, trainer: KeptTrainer, which: str, loss: float | None) -> None:
        """A reward model, where nobody looks for an adapter that answers."""
        config = job.config
        passport = Passport(config.character, config.base, job.run.name, trainer.state.global_step, None)
        save_reward(job.tuned, reward_folder(job.run.folder, which), passport, readme(config, passport))

    def finish(self, job: Job, trainer: KeptTrainer, seconds: float, early: bool, say: Say) -> dict[str, Any]:
        """How often held-out pairs are rewarded as they were chosen; and the scale of its rewards, beside it."""
        job.tuned.unload()
        best = reward_folder(job.run.folder, "best")
        keep_scale(load_reward(job.base, best), best, self.choice.lessons)
        summary = {
            **told(job, trainer.state, seconds, early=early),
            **outcome(self.choice, trainer),
            "reward": str(best),
        }
        job.run.write_summary(summary)
        return summary


def outcome(choice: ChoiceJob, trainer: KeptTrainer) -> dict[str, Any]:
    """What the summary tells of choices: how many, and held-out figures before the first step and at the best."""
    lessons, settings = choice.lessons, choice.job.config.settings
    measured = [entry for entry in read_metrics(choice.job.run.metrics) if "eval_loss" in entry]
    start = next((entry for entry in measured if not entry["step"]), {})
    best = next((entry for entry in measured if entry["step"] == trainer.state.best_global_step), {})
    run = choice.job.run
    picture = run.folder / "choices.png"
    drawn = draw_choices(
        read_metrics(run.metrics), f"{choice.job.config.character}: {run.name}", picture, settings.max_kl
    )
    return {
        "stage": settings.stage,
        "began_with": settings.from_adapter,
        "pairs": {"learned": len(lessons.train), "heldout": len(lessons.heldout), "left_out": dict(lessons.left)},
        "choices_picture": str(picture) if drawn else None,
        "heldout": {"before": _figures(start), "best": _figures(best) | _accuracy(best, len(lessons.heldout))},
    }


def _figures(entry: Mapping[str, Any]) -> dict[str, float]:
    names = ("margin", "reward", "kl")
    return {name: entry[f"eval_{name}"] for name in names if f"eval_{name}" in entry}


def _accuracy(entry: Mapping[str, Any], pairs: int) -> dict[str, Any]:
    """The share of held-out pairs, with its 95 % interval."""
    share = entry.get("eval_pair_accuracy")
    if share is None:
        return {}
    won = round(share * pairs)
    interval = win_rate(won, pairs - won)
    return {"pair_accuracy": None if interval is None else asdict(interval)}
