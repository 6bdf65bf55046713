"""Whether the learning rate of a run can be scheduled as asked, tried on one weight before a base is loaded."""

import inspect
import math
import warnings
from collections.abc import Iterator

import torch
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau
from transformers.optimization import TYPE_TO_SCHEDULER_FUNCTION, GreedyLR, get_scheduler

from roleplay.errors import UsageError
from roleplay.text import one_line
from roleplay.training.settings import FOLLOWS_LOSS, Settings

_MADE = dict(zip(FOLLOWS_LOSS, (ReduceLROnPlateau, GreedyLR), strict=True))
"""What transformers makes of their names."""
_NOT_TYPED = {
    *("optimizer", "num_warmup_steps", "num_training_steps", "num_stable_steps", "last_epoch"),
    *("mode", "verbose"),  # a loss is to fall, and standard output is data
}
"""What follows from other settings."""


def check_scheduler(settings: Settings, *, steps: int, heldout: bool) -> None:
    """Raises UsageError where no schedule over `steps` steps comes of the scheduler and its options.

    `heldout` says whether there are held-out losses, which two of the schedulers follow.
    """
    name, options = settings.scheduler, settings.scheduler_options
    if name in FOLLOWS_LOSS and not heldout:
        raise UsageError(
            f"--scheduler {name} follows held-out losses and no dialogue or text is held out; add more of them, or "
            "choose another, such as cosine"
        )
    known = _options(name)
    unknown = sorted(options.keys() - set(known))
    takes = f"{name} takes {', '.join(known) or 'none'}"
    if unknown:
        raise UsageError(f"--scheduler-options: {one_line(', '.join(unknown))} cannot be set; {takes}")
    try:
        rates = list(_rates(settings, steps))
    except (ValueError, TypeError, KeyError, ArithmeticError) as error:
        raise UsageError(f"--scheduler-options: {one_line(str(error), 200)}; {takes}") from error
    wrong = [rate for rate in rates if not math.isfinite(rate) or rate < 0]
    if wrong:
        raise UsageError(f"--scheduler-options: the learning rate would become {wrong[0]:g}; {takes}")
    lowest = float(options.get("min_lr", 1e-3))
    if name == "greedy" and settings.learning_rate < lowest:
        raise UsageError(
            f"--scheduler greedy lowers no learning rate below its min_lr, which is {lowest:g}, and --learning-rate is "
            f"{settings.learning_rate:g}; set a lower min_lr with --scheduler-options"
        )


def _options(name: str) -> list[str]:
    """What may be typed for that scheduler."""
    if name == "constant_with_warmup":
        return []
    make = _MADE.get(name) or TYPE_TO_SCHEDULER_FUNCTION[name]
    return [key for key in inspect.signature(make).parameters if key not in _NOT_TYPED]


def _rates(settings: Settings, steps: int) -> Iterator[float]:
    """Learning rates where the shape may change: the first steps, around the end of the warm-up, the last ones."""
    warmup = int(settings.warmup_steps) if settings.warmup_steps >= 1 else math.ceil(steps * settings.warmup_steps)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=settings.learning_rate)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no optimizer step is taken between those of the schedule
        scheduler = get_scheduler(settings.scheduler, optimizer, warmup, steps, dict(settings.scheduler_options))
        if isinstance(scheduler, LambdaLR):
            for step in sorted({0, 1, warmup, warmup + 1, steps // 2, steps - 1, steps}):
                yield settings.learning_rate * float(scheduler.lr_lambdas[0](step))
            return
        for loss in (3.0, 2.0, 3.0, 4.0):
            scheduler.step(loss)
            yield float(optimizer.param_groups[0]["lr"])
