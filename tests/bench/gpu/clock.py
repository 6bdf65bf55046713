"""A gate for contenders that share a process: it times some steps after two to warm up, and ends the contender."""

import math
import time
from dataclasses import dataclass
from typing import Any

import torch

from tests.bench.gpu.device import synchronize
from tests.bench.training.gate import gradient_of


@dataclass(frozen=True)
class Patience:
    """How long a contender is watched."""

    seconds: float = 2.0
    """Steps are timed for about so long."""
    least: int = 3
    """But at least so many."""
    most: int = 40
    """And at most so many."""

    @property
    def steps(self) -> int:
        """Optimizer steps that a contender needs samples for."""
        return 2 + self.most


class Clock:
    """The first step compiles what has to be compiled, the second tells how many are timed, without a stop between."""

    def __init__(self, device: str, patience: Patience) -> None:
        self.device, self.patience = device, patience
        self.loss: float | None = None
        self.gradient: torch.Tensor | None = None
        self.seconds: float | None = None
        """Of a timed step, once all are done."""
        self._done = self._wanted = 0
        self._since = 0.0

    def keep_gradient(self, model: Any) -> None:
        """Of the first step."""
        self.gradient = gradient_of(model)

    def keep_loss(self, loss: float) -> None:
        """Of the first step, in nats per trained token."""
        self.loss = loss

    def step_done(self) -> bool:
        """False once the timed steps are done."""
        self._done += 1
        if self._done > 2 and self._done < 2 + self._wanted:
            return True  # a GPU is behind: waiting for it here would take away what trainers gain by running ahead
        synchronize(self.device)
        now = time.perf_counter()
        took, self._since = now - self._since, now
        if self._done == 2:
            wanted = math.ceil(self.patience.seconds / took)
            self._wanted = max(self.patience.least, min(self.patience.most, wanted))
        elif self._done > 2:
            self.seconds = took / self._wanted
        return self.seconds is None
