"""What a run by choices is worth by now, on questions it never learns from."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from roleplay.generation.settings import Sampling
from roleplay.measures.likelihood import likelihoods
from roleplay.models.base import Base
from roleplay.preference.drawing import draw_replies, moved
from roleplay.preference.lessons import Lessons, Prompt
from roleplay.preference.pair_scores import PairNats, step
from roleplay.preference.reference import as_reference
from roleplay.preference.rewards.judged import Judged

_PROMPTS = 48
"""Held-out prompts to which replies are drawn, at most: as few as tell a rise from luck."""

Worth = Callable[[Sequence[Judged]], list[float]]
"""What each of several replies is worth, the higher the better."""


@dataclass
class Heldout:
    """The held-out half of the lessons, measured again and again.

    `eval_loss` falls as the run gets better; it is the loss of DPO on held-out pairs, and where there are none, the
    reward with its sign changed.
    """

    base: Base
    """The base that wears the adapter."""
    lessons: Lessons
    """Where held-out pairs and prompts are."""
    beta: float
    """That of the run."""
    worth: Worth | None = None
    """The reward; `None` where nothing is drawn."""
    sampling: Sampling = field(default_factory=Sampling)
    """How replies are drawn."""
    _before: list[PairNats] = field(default_factory=list)

    def measure(self, tuned: Any) -> dict[str, float]:
        """Figures of the adapter as it is; `tuned` rests, as chat has it."""
        found: dict[str, float] = {}
        if self.lessons.heldout:
            found |= self._choices(tuned)
        if self.worth is not None and self.lessons.heldout_prompts:
            found |= self._rewarded(tuned, self.worth)
        if not self.lessons.heldout and "eval_reward" in found:
            found["eval_loss"] = -found["eval_reward"]
        return found

    def _choices(self, tuned: Any) -> dict[str, float]:
        """How often the better reply gained more than the worse one since the start, and the loss of that."""
        if not self._before:
            with as_reference(tuned):
                self._before = self._nats(tuned)
        margins = [now.margin(then) for now, then in zip(self._nats(tuned), self._before, strict=True)]
        scaled = [(self.beta or 1.0) * margin for margin in margins]
        return {
            "eval_loss": sum(surprise(one) for one in scaled) / len(scaled),
            "eval_pair_accuracy": sum(map(step, margins)) / len(margins),
            "eval_margin": sum(margins) / len(margins),
        }

    def _nats(self, tuned: Any) -> list[PairNats]:
        samples = [sample for one in self.lessons.heldout for sample in (one.better, one.worse)]
        found = iter(likelihoods(tuned, samples, self._pad))
        return [PairNats(one.nats, one.tokens, two.nats, two.tokens) for one, two in zip(found, found, strict=True)]

    def _rewarded(self, tuned: Any, worth: Worth) -> dict[str, float]:
        """What replies of now are worth, and how many nats a reply is away from where it began."""
        prompts = spread(self.lessons.heldout_prompts, _PROMPTS)
        replies = draw_replies(self.base, self.lessons.voice, prompts, self.sampling)
        values = [value for value in worth(replies) if not math.isnan(value)]
        distances = moved(tuned, replies, self._pad, self.sampling.temperature)
        return {
            "eval_reward": sum(values) / max(1, len(values)),
            "eval_kl": sum(distances) / max(1, len(distances)),
        }

    @property
    def _pad(self) -> int:
        return int(self.base.tokenizer.pad_token_id)


def surprise(margin: float) -> float:
    """-log sigmoid of a margin: the loss of DPO, and of a reward model."""
    return math.log1p(math.exp(-margin)) if margin > 0 else math.log1p(math.exp(margin)) - margin


def spread(prompts: Sequence[Prompt], most: int) -> Sequence[Prompt]:
    """At most so many of them, from the first to the last."""
    return prompts[:: max(1, math.ceil(len(prompts) / most))]
