"""Contenders take turns on one base in memory, each with an adapter of the same first weights."""

import contextlib
import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from roleplay.dataset.sample import Sample
from roleplay.models.base import Base
from roleplay.text import one_line
from tests.bench.gpu.clock import Clock, Patience
from tests.bench.gpu.device import at_most, forget_peak, peak_bytes
from tests.bench.training.contenders import CONTENDERS, Ready, attach_first
from tests.bench.training.race import Outcome

RANK = 8
_RIVALS = ("trl", "trl-16")


class Contest:
    """One base, the samples of some steps, and how its contenders are watched."""

    def __init__(
        self,
        base: Base,
        samples: Sequence[Sample],
        *,
        device: str,
        patience: Patience,
        checkpointing: bool = False,
        limit: int | None = None,
    ) -> None:
        """`limit` is the most bytes of the GPU that a contender may take, the base included; `None` sets none."""
        self.base, self.samples, self.device, self.patience = base, samples, device, patience
        self.checkpointing, self.limit = checkpointing, limit

    def turn(self, outcome: Outcome) -> None:
        """Let a contender take its steps and note what it did, or why it could not; the base is as before."""
        clock = Clock(self.device, self.patience)
        dtype = "bfloat16" if self.base.model.dtype == torch.bfloat16 else "float32"
        try:
            # What the libraries print is no part of a table.
            with self._tuned() as tuned, at_most(self.device, self.limit), contextlib.redirect_stdout(sys.stderr):
                forget_peak(self.device)
                CONTENDERS[outcome.name](Ready(self.base, tuned, self.device, dtype, RANK), self.samples, clock)
                peak = peak_bytes(self.device)
            if clock.seconds is None:
                raise RuntimeError("it ended before its steps were timed")
            outcome.seconds.append(clock.seconds)
            outcome.peak = peak if outcome.peak is None or peak is None else max(peak, outcome.peak)
            outcome.loss, outcome.gradient = clock.loss, clock.gradient
        except torch.OutOfMemoryError:
            outcome.failed = "out of memory"
        except Exception as error:  # a trainer or a kernel may raise anything; the others go on
            outcome.failed = f"{type(error).__name__}: {one_line(str(error), 120)}"
        gc.collect()

    @contextlib.contextmanager
    def _tuned(self) -> Iterator[Any]:
        """An adapter on the base, taken off again with everything else that trainers put there."""
        model: Any = self.base.model
        own, cached = vars(model).get("forward"), model.config.use_cache
        tuned = attach_first(self.base, RANK)
        try:
            if self.checkpointing:  # after the adapter, as `prepare` does
                model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
            yield tuned
        finally:
            tuned.unload()
            if self.checkpointing:
                model.gradient_checkpointing_disable()
            model.disable_input_require_grads()
            vars(model).pop("forward", None)  # TRL puts its own head there
            if own is not None:
                model.forward = own
            model.config.use_cache = cached
            model.set_attn_implementation("sdpa")
            model.eval().requires_grad_(False)


def race(
    contest: Contest, names: Sequence[str], *, rounds: int, told: Callable[[list[Outcome], Outcome], None]
) -> list[Outcome]:
    """All contenders in turn, every second round in reverse; `told` hears of each turn.

    Of TRL's two ways to make 16 samples a step, the one that is slower in the first round stays out of the others.
    """
    outcomes = [Outcome(name) for name in names]
    for number in range(rounds):
        for outcome in outcomes[:: -1 if number % 2 else 1]:
            if outcome.failed or outcome.slower is not None:
                continue
            contest.turn(outcome)
            told(outcomes, outcome)
        _leave_slower(outcomes)
    return outcomes


def _leave_slower(outcomes: Sequence[Outcome]) -> None:
    running = [o for o in outcomes if o.name in _RIVALS and not o.failed and o.slower is None]
    if len(running) > 1:
        slower = max(running, key=lambda outcome: outcome.seconds[0])
        slower.slower = slower.seconds[0]
