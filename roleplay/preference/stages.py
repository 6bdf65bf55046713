"""The Trainer of each stage, with its dataset and TRL's settings."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from datasets import Dataset
from trl import DPOConfig, GRPOConfig, KTOConfig, RewardConfig, RLOOConfig

from roleplay.preference.lessons import Example, Lessons, Prompt
from roleplay.preference.rewards.judged import Judge, Judged
from roleplay.preference.trainers import ChoiceTrainer, Dpo, Grpo, Kto, Measured, Rewarder, Rloo
from roleplay.text import draw
from roleplay.training.arguments import arguments, one_gpu
from roleplay.training.prepare import Job
from roleplay.training.settings import Settings
from roleplay.training.tune import Beside


def paired_trainer(job: Job, lessons: Lessons, heldout: Measured, beside: Beside) -> ChoiceTrainer:
    """The Trainer of a job that learns from pairs."""
    settings, common = job.config.settings, _common(job, beside)
    options = _options(job, heldout, beside)
    train, out = lessons.train, lessons.heldout or lessons.train[:1]
    match settings.stage:
        case "dpo":
            args = one_gpu(DPOConfig(**common, beta=settings.beta, max_length=None))
            return Dpo(args=args, train_dataset=_pairs(train), eval_dataset=_pairs(out), **options)
        case "kto":
            args = one_gpu(KTOConfig(**common, beta=settings.beta, max_length=None))
            rows, others = _replies(train, settings), _replies(out, settings)
            return Kto(args=args, train_dataset=rows, eval_dataset=others, **options)
        case _:
            args = one_gpu(RewardConfig(**common, max_length=None))
            return Rewarder(args=args, train_dataset=_whole(train), eval_dataset=_whole(out), **options)


def rewarded_trainer(
    job: Job, lessons: Lessons, heldout: Measured, beside: Beside, judges: Mapping[str, tuple[float, Judge]]
) -> ChoiceTrainer:
    """The Trainer of a job that draws replies; `judges` are weight and judge of each term of the reward."""
    settings, voice = job.config.settings, lessons.voice
    end = voice.renderer.traits.end_of_turn_id
    common = _common(job, beside) | {
        "beta": settings.beta,
        "num_generations": settings.generations,
        "max_completion_length": settings.max_new_tokens,
        "temperature": settings.temperature,
        # A step draws for itself alone: whoever goes on from a checkpoint draws what would have been drawn.
        "steps_per_generation": settings.grad_accum,
        "num_iterations": 1,
        "reward_weights": [weight for weight, _ in judges.values()],
        "generation_kwargs": {"eos_token_id": end},
    }
    functions = [_function(name, judge, lessons.prompts, end) for name, (_, judge) in judges.items()]
    options = _options(job, heldout, beside) | {"reward_funcs": functions, "max_kl": settings.max_kl}
    options |= {"train_dataset": _asked(lessons.prompts), "eval_dataset": _asked(lessons.prompts[:1])}
    trainer = (
        Rloo(args=one_gpu(RLOOConfig(**common)), **options)
        if settings.stage == "rloo"
        else Grpo(args=one_gpu(GRPOConfig(**common)), **options)
    )
    trainer.eos_token_ids = [end]
    return trainer


def _common(job: Job, beside: Beside) -> dict[str, Any]:
    """What Trainer is told, where a step is several passes of its own: TRL weighs a pass by its pairs or replies."""
    settings = job.config.settings
    return arguments(job, beside.resumed_step) | {
        "per_device_train_batch_size": settings.batch_size,
        "gradient_accumulation_steps": settings.grad_accum,
        "gradient_checkpointing": False,  # prepared with the model, where it is wanted
        "logging_nan_inf_filter": False,
    }


def _options(job: Job, heldout: Measured, beside: Beside) -> dict[str, Any]:
    return {
        "model": job.tuned,
        "processing_class": job.base.tokenizer,
        "decisions": job.config.decisions,
        "settings": job.config.settings,
        "heldout": heldout,
        "save_best": beside.save_best,
        "callbacks": list(beside.callbacks),
        "took": beside.took,
    }


def _pairs(examples: Sequence[Example]) -> Dataset:
    return Dataset.from_list(
        [{"prompt_ids": e.prompt_ids, "chosen_ids": e.chosen_ids, "rejected_ids": e.rejected_ids} for e in examples]
    )


def _whole(examples: Sequence[Example]) -> Dataset:
    return Dataset.from_list(
        [{"chosen_ids": list(example.better.ids), "rejected_ids": list(example.worse.ids)} for example in examples]
    )


def _replies(examples: Sequence[Example], settings: Settings) -> Dataset:
    """Each reply by itself, good and bad ones mixed; of a pass, each prompt has the reply of another beside it.

    So TRL estimates the KL divergence, which it takes the rows in their order for.
    """
    marked = [(one, good) for one in examples for good in (True, False)]
    marked.sort(key=lambda row: draw(row[0].pair.identity, row[1], settings.seed, "order"))
    rows = [
        {"prompt_ids": one.prompt_ids, "completion_ids": one.chosen_ids if good else one.rejected_ids, "label": good}
        for one, good in marked
    ]
    for at in range(0, len(rows), settings.batch_size):
        part = rows[at : at + settings.batch_size]
        for row, other in zip(part, [*part[-1:], *part[:-1]], strict=True):
            row["KL_completion_ids"] = other["completion_ids"]
    return Dataset.from_list(rows)


def _asked(prompts: Sequence[Prompt]) -> Dataset:
    return Dataset.from_list([{"prompt": list(prompt.ids), "number": at} for at, prompt in enumerate(prompts)])


def _function(name: str, judge: Judge, prompts: Sequence[Prompt], end: int) -> Callable[..., list[float]]:
    """A term of the reward as TRL calls it."""

    def function(completions: list[str], completion_ids: list[list[int]], number: list[int], **_: Any) -> list[float]:
        replies = [
            Judged(prompts[at].turns, text.strip(), ids[-1:] == [end], prompts[at].ids, tuple(ids))
            for text, ids, at in zip(completions, completion_ids, number, strict=True)
        ]
        return judge(replies)

    function.__name__ = name
    return function
