"""What watches and ends a stage of the pretraining: metrics, patience, snapshots, slices of time."""

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from roleplay.pocket.config import Recipe, Stage

CHAT = ("zh", "en")
"""Kinds of held-out chat whose mean bits per character say whether a stage still learns."""


class Metrics(TrainerCallback):
    """Appends what the Trainer logs to a JSON-lines file, held-out losses as bits per character too."""

    def __init__(self, path: Path, recipe: Recipe, stage: Stage, before: int, scale: dict[str, float]) -> None:
        """`before`: tokens of the stages before; `scale`: kind of held-out chat -> bits a character per nat a token."""
        self.path, self.recipe, self.stage, self.before, self.scale = path, recipe, stage, before, scale
        self.began, self.resumed = 0.0, 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Entries past the checkpoint that training goes on from are those of steps that are taken again."""
        self.began, self.resumed = time.monotonic(), state.global_step
        kept = [
            json.dumps(entry)
            for entry in read_metrics(self.path)
            if entry["stage"] != self.stage.name or entry["step"] <= state.global_step
        ]
        self.path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """One line a log entry."""
        logs = dict(kwargs["logs"])
        for kind, scale in self.scale.items():
            if f"eval_{kind}_loss" in logs:
                logs[f"eval_{kind}_bits"] = logs[f"eval_{kind}_loss"] * scale
        tokens = self.before + state.global_step * self.recipe.tokens_per_step
        entry = {"stage": self.stage.name, "step": state.global_step, "tokens": tokens, **logs}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        if "loss" in logs or f"eval_{CHAT[-1]}_loss" in logs:
            self._tell(state, logs)

    def _tell(self, state: TrainerState, logs: dict[str, float]) -> None:
        taken = (state.global_step - self.resumed) * self.recipe.tokens_per_step
        speed = f"{taken / max(1e-9, time.monotonic() - self.began) / 1e3:.1f} thousand tokens a second"
        said = f"loss {logs['loss']:.3f}, {speed}" if "loss" in logs else ""
        if not said:
            found = chat_bits(self.path, self.stage.name)
            said = f"held-out chat {found[-1][1]:.3f} bits per character" if found else ""
        sys.stderr.write(f"{self.stage.name}: step {state.global_step}/{state.max_steps} {said}\n")


class Patience(TrainerCallback):
    """Ends the stage where held-out bits of chat were not the lowest so many times in a row."""

    def __init__(self, metrics: Path, stage: Stage) -> None:
        self.metrics, self.stage, self.spent = metrics, stage, False

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Looks at what has been logged: a resumed stage counts what came before."""
        if self.stage.patience is None or (state.global_step - 1) % int(args.eval_steps or 1):
            return
        measured = chat_bits(self.metrics, self.stage.name)
        found = [bits for step, bits in measured if step and step % int(args.eval_steps or 1) == 0]
        self.spent = bool(found) and len(found) - 1 - found.index(min(found)) >= self.stage.patience
        if self.spent:
            control.should_save = control.should_training_stop = True


class Snapshots(TrainerCallback):
    """Keeps the newest weights, one folder each time they are measured, to choose from and to average."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.count = folder, count

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Called once for each kind of held-out chat; the first one writes. The end of a slice is measured too."""
        place = self.folder / str(state.global_step)
        due = state.global_step % int(args.eval_steps or 1) == 0 or state.global_step == state.max_steps
        if state.global_step and due and not place.exists():
            fresh = place.with_name(f"new-{place.name}")
            shutil.rmtree(fresh, ignore_errors=True)
            kwargs["model"].save_pretrained(fresh)
            fresh.rename(place)
            for old in snapshots(self.folder)[: -self.count]:
                shutil.rmtree(old)


class Slice(TrainerCallback):
    """Saves and stops after a point in time."""

    def __init__(self, until: float | None) -> None:
        """`until` is of the monotonic clock, in seconds; `None`: never."""
        self.until = until

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """After the running step."""
        if self.until is not None and time.monotonic() >= self.until:
            control.should_save = control.should_training_stop = True


def snapshots(folder: Path) -> list[Path]:
    """Weights kept on the way, the oldest first."""
    return sorted((path for path in folder.glob("[0-9]*") if path.is_dir()), key=lambda path: int(path.name))


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Every entry, oldest first; none where there is no file. A line that was cut by a crash is passed over."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def chat_bits(metrics: Path, stage: str) -> list[tuple[int, float]]:
    """Step and mean bits per character of held-out chat, in the order in which they were measured."""
    found: dict[int, dict[str, float]] = {}
    for entry in read_metrics(metrics):
        for kind in CHAT:
            if entry["stage"] == stage and f"eval_{kind}_bits" in entry:
                found.setdefault(entry["step"], {})[kind] = entry[f"eval_{kind}_bits"]
    return [(step, sum(bits.values()) / len(CHAT)) for step, bits in found.items() if len(bits) == len(CHAT)]
