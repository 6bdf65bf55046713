"""Where the rewards of a model lie, so that they can be told beside stated ones: a reward model knows only better."""

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from roleplay.errors import AdapterError, RunError
from roleplay.paths import shown, write_file
from roleplay.text import one_line

SCALE = "scale.json"
"""Name of the file in the folder of a reward model."""


@dataclass(frozen=True)
class Scale:
    """Rewards of the replies that a model learned from, chosen and rejected."""

    mean: float
    """Their mean."""
    spread: float
    """Their standard deviation; more than 0."""

    def standard(self, reward: float) -> float:
        """`reward` in standard deviations from the mean."""
        return (reward - self.mean) / self.spread


def measure_scale(rewards: Sequence[float]) -> Scale:
    """The scale of `rewards`. Raises RunError where they tell no reply from another."""
    spread = statistics.pstdev(rewards) if rewards else 0.0
    if not (math.isfinite(spread) and spread > 0):
        seen = f"{len(rewards)} replies, a spread of {spread}"
        raise RunError(f"the reward model gives every reply the same reward ({seen}); train it longer or on more pairs")
    return Scale(statistics.fmean(rewards), spread)


def save_scale(folder: Path, scale: Scale) -> None:
    """Write `scale` beside the reward model in `folder`."""
    write_file(folder / SCALE, json.dumps(asdict(scale)) + "\n")


def read_scale(folder: Path) -> Scale | None:
    """The scale beside a reward model; `None` where none was measured. Raises AdapterError where it is damaged."""
    path = folder / SCALE
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        scale = Scale(float(value["mean"]), float(value["spread"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise AdapterError(f"{shown(path)} is damaged: {one_line(str(error))}; train the reward model again") from error
    if not (math.isfinite(scale.mean) and math.isfinite(scale.spread) and scale.spread > 0):
        raise AdapterError(
            f"{shown(path)} is damaged (mean {scale.mean}, spread {scale.spread}); train the reward model again"
        )
    return scale
