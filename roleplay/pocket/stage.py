"""One stage of the pretraining of `pocket`: to its end, or to the end of a slice of time."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaForCausalLM, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from roleplay.pocket.config import Recipe, Stage
from roleplay.pocket.optimizer import MuonAdamW
from roleplay.pocket.sequences import Heldout, Sequences
from roleplay.pocket.watch import Metrics, Patience, Slice, Snapshots
from roleplay.training.checkpoints import checkpoints, step_of, whole_or_absent
from roleplay.training.steer import Interrupt


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
        eval_on_start=not checkpoints(folder),
        save_steps=recipe.evaluate_steps,
        prediction_loss_only=True,
        dataloader_pin_memory=cuda,
        seed=recipe.seed,
        report_to=[],
        disable_tqdm=True,
    )
