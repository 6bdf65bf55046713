"""The losses of a run by step, as pictures show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roleplay.training.smooth import smooth


@dataclass(frozen=True)
class Curve:
    """Losses in nats per trained token at optimizer steps; both equally long."""

    steps: tuple[int, ...]
    """Rising."""
    losses: tuple[float, ...]
    """One a step."""

    def __bool__(self) -> bool:
        return bool(self.steps)


@dataclass(frozen=True)
class Curves:
    """What was logged of a run."""

    training: Curve
    """Means over the steps of each log entry."""
    smoothed: Curve
    """The same without its noise."""
    heldout: Curve
    """Over all held-out samples."""

    @property
    def best(self) -> tuple[int, float] | None:
        """Step and loss of the lowest held-out one that something was trained for; `None` before there is one."""
        tuned = [(step, loss) for step, loss in zip(self.heldout.steps, self.heldout.losses, strict=True) if step]
        return min(tuned, key=lambda pair: pair[1], default=None)


def curves_of(metrics: Sequence[Mapping[str, Any]]) -> Curves:
    """The curves in the lines of a metrics file."""
    training = _curve(metrics, "loss")
    smoothed = Curve(training.steps, tuple(smooth(training.losses)))
    return Curves(training, smoothed, _curve(metrics, "eval_loss"))


def _curve(metrics: Sequence[Mapping[str, Any]], key: str) -> Curve:
    found = [(int(entry["step"]), float(entry[key])) for entry in metrics if key in entry]
    return Curve(tuple(step for step, _ in found), tuple(loss for _, loss in found))
