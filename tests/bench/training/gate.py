"""How a contender waits for its turn: it takes a step when told to, and says how long it took."""

import json
import sys
import time
from pathlib import Path
from typing import Any, Protocol, TextIO

import psutil
import torch
from transformers import TrainerCallback


class Gate(Protocol):
    """What a contender tells of its steps, and asks whether it is to take another."""

    def keep_gradient(self, model: Any) -> None:
        """Of the first step, to be compared; called before the weights change."""

    def keep_loss(self, loss: float) -> None:
        """Of the first step, in nats per trained token."""

    def step_done(self) -> bool:
        """Called after each step; False where the contender is to end."""


def gradient_of(model: Any) -> torch.Tensor:
    """The gradient of everything that learns, as one vector in float32 on the CPU."""
    weights = sorted((name, weight) for name, weight in model.named_parameters() if weight.requires_grad)
    return torch.cat([weight.grad.float().flatten() for _, weight in weights]).cpu()


class ProcessGate:
    """Speaks JSON lines with the process that started this one: `{"rounds": n}` in, seconds out."""

    def __init__(self, out: TextIO, folder: Path) -> None:
        self.out, self.folder = out, folder
        self.went = self.worked = 0.0
        self.due = 0
        self.warm = False
        self.before = 0

    def loaded(self) -> None:
        """The model is there: memory is counted from here."""
        self.before = psutil.Process().memory_info().rss

    def keep_gradient(self, model: Any) -> None:
        """Of the first step, to be compared; call it before the weights change."""
        torch.save(gradient_of(model), self.folder / "gradient.pt")

    def keep_loss(self, loss: float) -> None:
        """Of the first step, in nats per trained token."""
        (self.folder / "loss.json").write_text(json.dumps(loss), encoding="utf-8")

    def step_done(self) -> bool:
        """Call it after each step: waits for the next turn; False where the contender is to end."""
        if self.warm:
            self.due -= 1
            if self.due:
                return True
            self._tell({"seconds": time.perf_counter() - self.went, "cpu": time.process_time() - self.worked})
        else:
            self.warm = True
            self._tell({"ready": True})
        line = sys.stdin.readline()
        if not line:
            return False
        self.due = int(json.loads(line)["steps"])
        self.went, self.worked = time.perf_counter(), time.process_time()
        return self.due > 0

    def end(self) -> None:
        """Say what memory it took, in bytes: the highest of the process, and of it what came with the steps."""
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        self._tell({"peak": peak, "added": max(0, peak - self.before)})

    def _tell(self, value: dict[str, Any]) -> None:
        print(json.dumps(value), file=self.out, flush=True)


class GateCallback(TrainerCallback):
    """The gate at the seams of a `transformers.Trainer`; a step is timed with all that the Trainer does around it."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.trainer: Any = None

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == 0:
            self.gate.keep_gradient(self.trainer.model)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == 1:
            self.gate.keep_loss(float(self.trainer._tr_loss))
        if not self.gate.step_done():
            control.should_training_stop = True
