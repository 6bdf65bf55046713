"""What happens beside the training loop: the metrics file, progress, kept epochs, early ends, Ctrl-C."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from roleplay.paths import storing, write_file
from roleplay.training.run import read_metrics
from roleplay.training.smooth import smooth

_FIGURES = ("pair_accuracy", "reward", "kl")
Reporter = Callable[["Progress"], None]
Took = Callable[[int, int], None]
"""Hears of the samples and tokens that were trained."""


def unheard(samples: int, tokens: int) -> None:
    """Nobody counts."""


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
        self.figures: dict[str, float] = {}
        """Newest held-out figures of a run by choices: `pair_accuracy`, `reward`, and `kl` in nats a reply."""
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

    def took(self, samples: int, tokens: int) -> None:
        """Count the samples and tokens of a step, or of a part of one."""
        self.samples += samples
        self.tokens += tokens

    def speed(self) -> dict[str, float]:
        """Samples and tokens a second so far, and steps in all, as they are logged."""
        seconds = time.monotonic() - self.began
        return {
            "samples_per_second": round(self.samples / seconds, 3),
            "tokens_per_second": round(self.tokens / seconds, 1),
            "steps": self.progress.steps,
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
        self.progress.figures |= {name: logs[f"eval_{name}"] for name in _FIGURES if f"eval_{name}" in logs}
        if "eval_loss" in logs:
            self.progress.heldout = logs["eval_loss"]
            if state.global_step:
                self.progress.best = min(logs["eval_loss"], self.progress.best or logs["eval_loss"])
        self.report(self.progress)
