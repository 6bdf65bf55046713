"""What steers a training from beside the loop: kept epochs, an early end, the settings' rhythm, Ctrl-C."""

import math
import signal
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from roleplay.training.processes import asked_anywhere


class Milestones(TrainerCallback):
    """Keeps what is learned at chosen epochs, at the first step that completes each of them."""

    def __init__(self, epochs: Sequence[float], steps_per_epoch: int, keep: Callable[[str], None]) -> None:
        """`keep` is called with `epoch-<number>`."""
        # 2.2 times 25 is 55.00000000000001, and step 55 completes it.
        self.steps = {f"epoch-{epoch:g}": math.ceil(round(epoch * steps_per_epoch, 6)) for epoch in epochs}
        self.keep = keep

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Keep it where some are reached."""
        for name, step in self.steps.items():
            if state.global_step == step:
                self.keep(name)


class Patience(TrainerCallback):
    """Ends the run where `patience` held-out losses in a row were not the lowest.

    Transformers' own keeps its patience and its count in the checkpoint, and takes a step more after one of its last.
    """

    def __init__(self, patience: int, metrics: Sequence[dict[str, Any]] = (), resumed_step: int = 0) -> None:
        """`metrics` are those of a resumed run, whose losses count."""
        self.patience = patience
        self.losses = [e["eval_loss"] for e in metrics if "eval_loss" in e and 0 < e["step"] <= resumed_step]

    @property
    def spent(self) -> bool:
        """Whether the run is to end."""
        return bool(self.losses) and len(self.losses) - self.losses.index(min(self.losses)) > self.patience

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Count; the loss of the untrained model is none."""
        if state.global_step:
            self.losses.append(kwargs["metrics"]["eval_loss"])
        if self.spent:
            control.should_training_stop = True
            control.should_save = False  # whoever goes on from a checkpoint takes a step, and this was the last


class Rhythm(TrainerCallback):
    """A resumed run logs, measures and saves as often as its settings say; Trainer would do as its checkpoint did."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Take the settings."""
        state.compute_steps(args, state.max_steps)


class Interrupt(TrainerCallback):
    """Ctrl-C or SIGTERM saves after the running step and stops; a second Ctrl-C stops at once."""

    def __init__(self) -> None:
        self.asked = False
        self._pressed = False
        self._former: dict[signal.Signals, Any] = {}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Listen for both signals, in the main thread only."""
        if threading.current_thread() is threading.main_thread():
            self._former = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}

    def _note(self, number: int, frame: FrameType | None) -> None:
        # Whoever asks by SIGTERM after Ctrl-C has the same wish, not a second one.
        if number == signal.SIGINT and self._pressed:
            raise KeyboardInterrupt
        self._pressed |= number == signal.SIGINT
        self.asked = True

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Save and stop where asked, all processes after the same step."""
        if asked_anywhere(self.asked):
            control.should_save = control.should_training_stop = True

    def release(self) -> None:
        """Give the signals back."""
        for number, former in self._former.items():
            signal.signal(number, former)
        self._former = {}
