"""What happens beside the training loop: the metrics file, progress, kept epochs, early ends, Ctrl-C."""

import json
import math
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from roleplay.paths import storing, write_file
from roleplay.training.processes import asked_anywhere
from roleplay.training.run import read_metrics
from roleplay.training.smooth import smooth
from roleplay.training.steps import Step

Reporter = Callable[["Progress"], None]


class Progress:
    """Where a run is; handed to whoever shows it."""

    def __init__(self) -> None:
        self.step = 0
        """Optimizer steps done."""
        self.steps = 0
        """Optimizer steps in all."""
        self.epoch = 0.0
        """Passes over the dataset done."""
        self.loss: float | None = None
        """Training loss, nats per trained token, smoothed over the log entries so far."""
        self.heldout: float | None = None
        """Newest held-out loss."""
        self.best: float | None = None
        """Lowest held-out loss of a step that trained something."""
        self.samples_per_second: float | None = None
        """Since this process began to train, held-out losses and checkpoints included; `None` before the first step."""
        self.tokens_per_second: float | None = None
        """The same in tokens, those that samples share counted for each of them."""
        self.seconds = 0.0
        """Since this process began to train."""
        self.remaining: float | None = None
        """Estimated seconds left; `None` before the first step."""


class MetricsFile(TrainerCallback):
    """Appends each log entry as one JSON line; lines beyond a resumed checkpoint are dropped first."""

    def __init__(self, path: Path, resumed_step: int, speed: Callable[[], dict[str, float]] = dict) -> None:
        """`speed` tells what is added to each training loss."""
        self.path, self.speed = path, speed
        kept = [entry for entry in read_metrics(path) if entry["step"] <= resumed_step]
        write_file(path, "".join(json.dumps(entry) + "\n" for entry in kept if resumed_step))

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """One line, with step and epoch; the Trainer's closing words are about this process, not about the run."""
        logs = kwargs["logs"]
        if "train_runtime" in logs:
            return
        entry = {"step": state.global_step, **logs, "epoch": round(state.epoch or 0, 4)}
        if "loss" in logs:
            entry |= self.speed()
        with storing(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


class Watch(TrainerCallback):
    """Reports progress after each step and log entry."""

    def __init__(self, report: Reporter, metrics: Sequence[dict[str, Any]] = (), resumed_step: int = 0) -> None:
        """`metrics` are those of a resumed run, whose losses are smoothed along."""
        self.report, self.progress = report, Progress()
        self.began, self.first_step = 0.0, 0
        self.samples, self.tokens = 0, 0
        self.losses = [entry["loss"] for entry in metrics if "loss" in entry and entry["step"] <= resumed_step]

    def took(self, step: Step) -> None:
        """Count a step's samples and tokens."""
        self.samples += step.samples
        self.tokens += step.tokens

    def speed(self) -> dict[str, float]:
        """Samples and tokens a second so far, as they are logged."""
        seconds = time.monotonic() - self.began
        return {
            "samples_per_second": round(self.samples / seconds, 3),
            "tokens_per_second": round(self.tokens / seconds, 1),
        }

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Start the clock."""
        self.began, self.first_step = time.monotonic(), state.global_step
        self.progress.steps, self.progress.step = state.max_steps, state.global_step
        self.progress.best, self.progress.epoch = state.best_metric, state.epoch or 0.0
        self.report(self.progress)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Move the bar."""
        progress = self.progress
        progress.step, progress.epoch = state.global_step, state.epoch or 0.0
        progress.seconds = time.monotonic() - self.began
        progress.samples_per_second = self.samples / progress.seconds
        progress.tokens_per_second = self.tokens / progress.seconds
        done = state.global_step - self.first_step
        progress.remaining = progress.seconds / done * (state.max_steps - state.global_step) if done else None
        self.report(progress)

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Take over new losses."""
        logs = kwargs["logs"]
        if "loss" in logs:
            self.losses.append(logs["loss"])
            self.progress.loss = smooth(self.losses)[-1]
        if "eval_loss" in logs:
            self.progress.heldout = logs["eval_loss"]
            if state.global_step:
                self.progress.best = min(logs["eval_loss"], self.progress.best or logs["eval_loss"])
        self.report(self.progress)


class Milestones(TrainerCallback):
    """Keeps what is learned at chosen epochs, at the first step that completes each of them."""

    def __init__(self, epochs: Sequence[float], steps_per_epoch: int, keep: Callable[[str], None]) -> None:
        """`keep` is called with `epoch-<number>`."""
        # 0.7 times 10 is 7.000000000000001, and step 7 completes it.
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
        # A launcher passes Ctrl-C on as SIGTERM: that is the same wish, not a second one.
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
