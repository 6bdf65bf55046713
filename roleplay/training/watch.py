"""What happens beside the training loop: the metrics file, progress, Ctrl-C."""

import json
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from roleplay.paths import storing, write_file
from roleplay.training.run import read_metrics

Reporter = Callable[["Progress"], None]


class Progress:
    """Where a run is; handed to whoever shows it."""

    def __init__(self) -> None:
        self.step = 0
        """Optimizer steps done."""
        self.steps = 0
        """Optimizer steps in all."""
        self.loss: float | None = None
        """Newest training loss, nats per trained token."""
        self.heldout: float | None = None
        """Newest held-out loss."""
        self.best: float | None = None
        """Lowest held-out loss of a step that trained something."""
        self.seconds = 0.0
        """Since this process began to train."""
        self.remaining: float | None = None
        """Estimated seconds left; `None` before the first step."""


class MetricsFile(TrainerCallback):
    """Appends each log entry as one JSON line; lines beyond a resumed checkpoint are dropped first."""

    def __init__(self, path: Path, resumed_step: int) -> None:
        self.path = path
        kept = [entry for entry in read_metrics(path) if entry["step"] <= resumed_step]
        write_file(path, "".join(json.dumps(entry) + "\n" for entry in kept if resumed_step))

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """One line, with step and epoch; the Trainer's closing words are about this process, not about the run."""
        if "train_runtime" in kwargs["logs"]:
            return
        entry = {"step": state.global_step, "epoch": round(state.epoch or 0, 4), **kwargs["logs"]}
        with storing(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


class Watch(TrainerCallback):
    """Reports progress after each step and log entry."""

    def __init__(self, report: Reporter) -> None:
        self.report, self.progress = report, Progress()
        self.began, self.first_step = 0.0, 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Start the clock."""
        self.began, self.first_step = time.monotonic(), state.global_step
        self.progress.steps, self.progress.step = state.max_steps, state.global_step
        self.progress.best = state.best_metric
        self.report(self.progress)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Move the bar."""
        progress = self.progress
        progress.step, progress.seconds = state.global_step, time.monotonic() - self.began
        done = state.global_step - self.first_step
        progress.remaining = progress.seconds / done * (state.max_steps - state.global_step) if done else None
        self.report(progress)

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Take over new losses."""
        logs = kwargs["logs"]
        self.progress.loss = logs.get("loss", self.progress.loss)
        if "eval_loss" in logs:
            self.progress.heldout = logs["eval_loss"]
            if state.global_step:
                self.progress.best = min(logs["eval_loss"], self.progress.best or logs["eval_loss"])
        self.report(self.progress)


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
        # A launcher passes Ctrl-C on as SIGTERM: that is the same wish, not a second one.
        if number == signal.SIGINT and self._pressed:
            raise KeyboardInterrupt
        self._pressed |= number == signal.SIGINT
        self.asked = True

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Save and stop where asked."""
        if self.asked:
            control.should_save = control.should_training_stop = True

    def release(self) -> None:
        """Give the signals back."""
        for number, former in self._former.items():
            signal.signal(number, former)
        self._former = {}
