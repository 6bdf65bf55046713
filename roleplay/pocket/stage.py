"""One stage of the pretraining of `pocket`: to its end, or to the end of a slice of time."""

import json
import math
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaForCausalLM, Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from roleplay.pocket.config import Recipe, Stage
from roleplay.pocket.optimizer import MuonAdamW
from roleplay.pocket.sequences import Heldout, Sequences
from roleplay.training.checkpoints import checkpoints, step_of, whole_or_absent
from roleplay.training.steer import Interrupt

CHAT = ("zh", "en")
"""Kinds of held-out chat whose mean bits per character say whether a stage still learns."""


@dataclass(frozen=True)
class Ended:
    """How a stage came to its end."""

    steps: int
    """Optimizer steps taken."""
    why: str
    """`budget`, or `held-out bits stopped improving`."""


class InOrder(Trainer):
    """A Trainer that takes the sequences as they lie, and whose checkpoints are whole or absent."""

    def _get_train_sampler(self, train_dataset: Any = None) -> torch.utils.data.Sampler[int]:
        return torch.utils.data.SequentialSampler(train_dataset or self.train_dataset)

    def _get_output_dir(self, trial: Any) -> str:
        return getattr(self, "_staging", None) or str(super()._get_output_dir(trial))

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        with whole_or_absent(Path(str(self.args.output_dir)), self.state.global_step) as staging:
            self._staging: str | None = str(staging)
            try:
                super()._save_checkpoint(model, trial)
            finally:
                self._staging = None


class Metrics(TrainerCallback):
    """Appends what the Trainer logs to a JSON-lines file, held-out losses as bits per character too."""

    def __init__(self, path: Path, recipe: Recipe, stage: Stage, before: int, scale: dict[str, float]) -> None:
        """`before`: tokens of the stages before; `scale`: kind of held-out chat -> bits a character per nat a token."""
        self.path, self.recipe, self.stage, self.before, self.scale = path, recipe, stage, before, scale

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Entries past the checkpoint that training goes on from are those of steps that are taken again."""
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


class Patience(TrainerCallback):
    """Ends the stage where held-out bits of chat were not the lowest so many times in a row."""

    def __init__(self, metrics: Path, stage: Stage) -> None:
        self.metrics, self.stage, self.spent = metrics, stage, False

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Looks at what has been logged: a resumed stage counts what came before."""
        if self.stage.patience is None or (state.global_step - 1) % int(args.eval_steps or 1):
            return
        found = [bits for step, bits in chat_bits(self.metrics, self.stage.name) if step]
        self.spent = bool(found) and len(found) - 1 - found.index(min(found)) >= self.stage.patience
        if self.spent:
            control.should_save = control.should_training_stop = True


class Snapshots(TrainerCallback):
    """Keeps the newest weights, one folder each time they are measured, to choose from and to average."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.count = folder, count

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Called once for each kind of held-out chat; the first one writes."""
        place = self.folder / str(state.global_step)
        if state.global_step and not place.exists():
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


def factor(stage: Stage, steps: int) -> Any:
    """Learning-rate factor by step: linear warm-up, then stable, or a half cosine from peak to final."""
    floor = 1.0 if stage.schedule == "stable" else stage.final_lr / stage.peak_lr

    def at(step: int) -> float:
        if step < stage.warmup_steps:
            return (step + 1) / stage.warmup_steps
        done = (step - stage.warmup_steps) / max(1, steps - stage.warmup_steps)
        return floor + (1 - floor) * (1 + math.cos(math.pi * min(1.0, done))) / 2

    return at


def run_stage(
    recipe: Recipe,
    stage: Stage,
    model: LlamaForCausalLM,
    material: tuple[Sequences, dict[str, Heldout], dict[str, float]],
    work: Path,
    *,
    before: int,
    until: float | None,
) -> Ended | None:
    """Train one stage from its newest checkpoint on; `None` where it was stopped before its end.

    `material` is what it trains on, the held-out chats by kind, and their bits a character per nat a token.
    """
    sequences, heldout, scale = material
    folder, metrics = work / stage.name, work / "metrics.jsonl"
    arguments = _arguments(recipe, stage, folder, len(sequences))
    optimizer = MuonAdamW(model, stage.peak_lr, recipe.weight_decay)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor(stage, arguments.max_steps))
    patience, interrupt = Patience(metrics, stage), Interrupt()
    callbacks: list[TrainerCallback] = [Metrics(metrics, recipe, stage, before, scale), patience, Slice(until)]
    if stage is recipe.stages[-1]:
        callbacks.append(Snapshots(folder / "snapshots", recipe.snapshots))
    trainer = InOrder(
        model=model,
        args=arguments,
        train_dataset=sequences,
        eval_dataset=heldout,
        optimizers=(optimizer, scheduler),
        callbacks=[*callbacks, interrupt],
    )
    trainer.remove_callback(PrinterCallback)
    found = checkpoints(folder)
    if found and step_of(found[-1]) >= arguments.max_steps:  # Trainer would take one step more
        LlamaForCausalLM.from_pretrained(found[-1], dtype=torch.float32).save_pretrained(folder / "final")
        return Ended(step_of(found[-1]), "budget")
    try:
        trainer.train(resume_from_checkpoint=str(found[-1]) if found else None)
    finally:
        interrupt.release()
    if not patience.spent and trainer.state.global_step < arguments.max_steps:
        return None
    model.save_pretrained(folder / "final")
    return Ended(trainer.state.global_step, "held-out bits stopped improving" if patience.spent else "budget")


def _arguments(recipe: Recipe, stage: Stage, folder: Path, sequences: int) -> TrainingArguments:
    cuda = torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(folder),
        max_steps=sequences * stage.sequence // recipe.tokens_per_step,
        per_device_train_batch_size=stage.sequences_per_pass,
        per_device_eval_batch_size=stage.sequences_per_pass,
        gradient_accumulation_steps=recipe.tokens_per_step // (stage.sequence * stage.sequences_per_pass),
        use_cpu=not cuda,
        bf16=True,
        torch_compile=recipe.compile,
        max_grad_norm=1.0,
        logging_steps=10,
        eval_strategy="steps",
        eval_steps=recipe.evaluate_steps,
        eval_on_start=True,
        save_steps=recipe.evaluate_steps,
        prediction_loss_only=True,
        dataloader_pin_memory=cuda,
        seed=recipe.seed,
        report_to=[],
        disable_tqdm=True,
    )
