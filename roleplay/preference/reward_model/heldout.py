"""How often a reward model that is being trained rewards held-out pairs as they were chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from roleplay.dataset.sample import Sample
from roleplay.measures.likelihood import batches_of, pad_right
from roleplay.models.base import Base
from roleplay.preference.heldout import surprise
from roleplay.preference.lessons import Example, Lessons
from roleplay.preference.pair_scores import step
from roleplay.preference.reward_model.scale import measure_scale, save_scale
from roleplay.preference.reward_model.scores import RewardModel


@dataclass(frozen=True)
class RewardHeldout:
    """The held-out pairs of a reward model."""

    base: Base
    """The base it lies on."""
    lessons: Lessons
    """Where held-out pairs are."""

    def measure(self, tuned: Any) -> dict[str, float]:
        """Loss, accuracy and mean difference on held-out pairs; `tuned` rests."""
        found = iter(self._rewards(tuned, _both(self.lessons.heldout)))
        margins = [better - worse for better, worse in zip(found, found, strict=True)]
        return {
            "eval_loss": sum(map(surprise, margins)) / len(margins),
            "eval_pair_accuracy": sum(map(step, margins)) / len(margins),
            "eval_margin": sum(margins) / len(margins),
        }

    @torch.inference_mode()
    def _rewards(self, tuned: Any, samples: Sequence[Sample]) -> list[float]:
        found: dict[int, float] = {}
        for batch in batches_of(tuned, samples):
            rows = pad_right([samples[i] for i in batch], int(self.base.tokenizer.pad_token_id))
            inputs = {name: rows[name].to(self.base.model.device) for name in ("input_ids", "attention_mask")}
            found |= zip(batch, tuned(**inputs, use_cache=False).logits[:, 0].tolist(), strict=True)
        return [found[i] for i in range(len(samples))]


def keep_scale(reward: RewardModel, folder: Path, lessons: Lessons) -> None:
    """Write where the rewards of what it learned from lie. Raises RunError where they are all alike."""
    rows = [sample.ids for sample in _both(lessons.train)]
    save_scale(folder, measure_scale(reward.rewards(rows, int(reward.base.tokenizer.pad_token_id))))


def _both(examples: Sequence[Example]) -> list[Sample]:
    return [sample for example in examples for sample in (example.better, example.worse)]
