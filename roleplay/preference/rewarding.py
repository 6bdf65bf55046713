"""The reward of a run, made ready and tried on first replies before anything is learned from it."""

from collections.abc import Sequence
from dataclasses import replace

from roleplay.dataset.corpus import Corpus
from roleplay.generation.settings import Sampling
from roleplay.preference.drawing import draw_replies
from roleplay.preference.heldout import Worth, spread
from roleplay.preference.reward_model.runs import model_judge
from roleplay.preference.rewards.judged import Judge, Judged
from roleplay.preference.rewards.materials import Materials
from roleplay.preference.rewards.reward import Reward, make_reward
from roleplay.preference.rewards.spec import Term, parse_reward
from roleplay.preference.rewards.telling import check_reward
from roleplay.preference.start import ChoiceJob
from roleplay.training.tune import Say

_TRIED = 8
"""Prompts whose first replies are tried."""


def ready_reward(choice: ChoiceJob, say: Say) -> Reward:
    """The reward that the settings state. Raises UsageError, and RunError where it tells no two replies apart."""
    job, lessons = choice.job, choice.lessons
    settings = job.config.settings
    if not isinstance(job.corpus, Corpus):
        raise TypeError("a reward is about dialogues")
    materials = Materials(job.card_file, job.corpus, choice.home)
    reward = make_reward(
        parse_reward(settings.reward),
        materials,
        lambda run: model_judge(choice.home, job.config.character, job.base, run),
    )
    prompts = spread(lessons.prompts, _TRIED)
    sampling = Sampling(settings.temperature, 1.0, max_new_tokens=settings.max_new_tokens)
    tried: list[Judged] = []
    for seed in range(settings.generations):
        tried += draw_replies(job.base, lessons.voice, prompts, replace(sampling, seed=seed))
    for told in check_reward(reward, reward(tried), [one.prompt_ids for one in tried]):
        say(told)
    return reward


def worth_of(reward: Reward) -> Worth:
    """The weighted sum of the terms, for several replies at once."""

    def worth(judged: Sequence[Judged]) -> list[float]:
        return [reward.total(one) for one in reward(judged)]

    return worth


def judges_of(reward: Reward) -> dict[str, tuple[float, Judge]]:
    """Weight and judge of each term by its label; a judge that gives what is no number raises RunError."""
    return {
        term.label: (term.weight, _checked(term, judge))
        for term, judge in zip(reward.terms, reward.judges, strict=True)
    }


def _checked(term: Term, judge: Judge) -> Judge:
    alone = Reward((term,), (judge,))

    def checked(judged: Sequence[Judged]) -> list[float]:
        return [worth[term.label] for worth in alone(judged)]

    return checked
