"""`roleplay train --stage dpo|kto|rm|rloo|grpo`: tune an adapter by choices."""

from typing import TYPE_CHECKING, Any

from roleplay.cli.output import emit, emit_json, say

if TYPE_CHECKING:
    from roleplay.preference.start import ChoiceJob
    from roleplay.training.start import Plan, Start


def run_choices(plan: "Plan", start: "Start", *, resume: bool) -> dict[str, Any]:
    """Load, say what will be learned from, train behind a progress bar; returns the summary."""
    _need_trl()
    from roleplay.cli.progress import Bar
    from roleplay.preference.start import load
    from roleplay.preference.tune import train

    with plan.run.locked():
        say(f"loading {plan.base or 'pocket'}, reading choices and dialogues of {start.card_file.card.name} …")
        choice = load(plan, start)
        _say_lessons(choice)
        with Bar() as bar:
            return train(choice, resume=resume, report=bar.report, say=say)


def _say_lessons(choice: "ChoiceJob") -> None:
    from pathlib import Path

    from roleplay.paths import shown

    job, lessons = choice.job, choice.lessons
    settings, decisions = job.config.settings, job.config.decisions
    if settings.from_adapter is not None:
        say(f"begins with {shown(Path(settings.from_adapter))}, and is held to it (beta {settings.beta:g})")
    say(f"adapter on {job.config.targets}; {job.parameters:,} parameters")
    if settings.pairs:
        say(f"{len(lessons.train)} pairs to learn from, {len(lessons.heldout)} held out")
    if lessons.prompts:
        say(f"{len(lessons.prompts)} prompts, {settings.generations} replies to each, rewarded for {settings.reward}")
    say(
        f"{job.config.preset}: {job.material.steps(settings)} steps of {settings.batch_size} x {settings.grad_accum}, "
        f"lr {settings.learning_rate:g}, rank {settings.rank}, {decisions.dtype} on {decisions.device}"
    )


def emit_choice_forecast(start: "Start", plan: "Plan", *, as_json: bool) -> None:
    """What the run would be, after a few timed steps."""
    _need_trl()
    from dataclasses import asdict

    from roleplay.preference.forecast import forecast
    from roleplay.preference.start import load

    say(f"loading {plan.base or 'pocket'}, taking a few steps of {start.card_file.card.name} to throw away …")
    told = forecast(load(plan, start, cached=False), say)
    if as_json:
        emit_json(asdict(told))
        return
    emit(f"{told.character} on {told.base}, stage {told.stage}, {told.dtype} on {told.device}")
    for reason, count in told.left_out:
        emit(f"left out {count} pairs: they {reason}")
    if told.pairs or told.heldout_pairs:
        emit(f"pairs    {told.pairs} to learn from, {told.heldout_pairs} held out")
    if told.prompts:
        emit(f"prompts  {told.prompts} to draw replies to, {told.heldout_prompts} held out; rewarded for {told.reward}")
    emit(f"trained  {told.targets}, {told.parameters:,} parameters")
    emit(f"memory   peak with everything {told.peak / 1e6:,.0f} MB")
    emit(
        f"time     {told.steps:,} steps of {told.seconds_per_step:.2f} s: {told.seconds / 60:,.0f} minutes, "
        "held-out figures not counted"
    )


def emit_choices(summary: dict[str, Any]) -> None:
    """What held-out choices say of a finished run."""
    if "heldout" not in summary:
        return
    from pathlib import Path

    from roleplay.paths import shown

    before, best = summary["heldout"]["before"], summary["heldout"]["best"]
    accuracy = best.get("pair_accuracy")
    if accuracy is not None:
        emit(
            f"held-out pairs that moved as they were chosen: {accuracy['value']:.0%} "
            f"[{accuracy['low']:.0%}, {accuracy['high']:.0%}] of {summary['pairs']['heldout']}"
        )
    if "reward" in best:
        emit(
            f"held-out replies: reward {before.get('reward', float('nan')):.3f} → {best['reward']:.3f}, "
            f"{best['kl']:.1f} nats a reply from where it began"
        )
    if summary["choices_picture"] is not None:
        emit(f"choices  {shown(Path(summary['choices_picture']))}")


def _need_trl() -> None:
    from importlib.util import find_spec

    from roleplay.errors import UsageError

    if find_spec("trl") is None:
        raise UsageError(
            "tuning by choices needs the extra 'preference'; install it: pip install 'roleplay[preference]'"
        )
