"""What only a comparison measures: agreement with choices, rewards of drawn replies, the distance between both."""

from collections.abc import Sequence
from dataclasses import dataclass

from roleplay.chat.open import Opened
from roleplay.evaluation.against.asked import Asked
from roleplay.evaluation.against.choices import choice_figures, scored_pairs
from roleplay.evaluation.against.comparison import Figure
from roleplay.evaluation.against.draws import MOST, Drawn, asked_of, draw_replies
from roleplay.evaluation.against.moved import log_ratios, moved_figures
from roleplay.evaluation.against.rewarded import reward_figures
from roleplay.evaluation.asking import Tell
from roleplay.evaluation.notebook import Notebook
from roleplay.evaluation.prompts import Prompt, some_of
from roleplay.generation.lanes import Lane
from roleplay.preference.rewards.reward import Reward


@dataclass(frozen=True)
class Beside:
    """What was found."""

    figures: list[Figure]
    """Choices, rewards and distance."""
    drawn: list[tuple[Drawn, Drawn]]
    """What both drew, before and after, at the same prompt with the same seed."""
    counts: dict[str, int]
    """What was compared."""


def ask_beside(
    opened: Opened,
    lanes: tuple[Lane, Lane],
    prompts: Sequence[Prompt],
    asked: Asked,
    reward: Reward | None,
    notebook: Notebook,
    tell: Tell,
) -> Beside:
    """`lanes` are those of the adapter before and of the one after, both of them attached.

    Replies are drawn at some of `prompts`, which are held out; without any, at the questions of the pairs.
    """
    engine, voice, scope = opened.engine, opened.voice, asked.scope
    scored = scored_pairs(engine, voice, asked.pairs, lanes, notebook, tell)
    questions = {pair.context: asked_of(pair.turns, pair.context, lanes[0]) for pair in scored.pairs}
    chosen = some_of(list(prompts) or list(questions.values()), MOST)
    before, after = (
        draw_replies(engine, voice, chosen, side, lane, scope.max_new_tokens, scope.batch, notebook, tell)
        for side, lane in zip(("before", "after"), lanes, strict=True)
    )
    figures = choice_figures(scored)
    if reward is not None and after:
        figures += reward_figures(reward, before, after)
    figures += moved_figures(after, log_ratios(engine, after, lanes, notebook, tell))
    counts = {"held-out pairs": len(scored.pairs), "pairs too long": scored.left_out, "drawn replies": len(after)}
    return Beside(figures, list(zip(before, after, strict=True)), {name: n for name, n in counts.items() if n})
