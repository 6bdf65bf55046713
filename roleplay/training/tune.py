"""From a prepared job to a finished run."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from transformers import TrainerCallback, TrainingArguments

from roleplay.dataset.corpus import Corpus
from roleplay.dataset.kept import dump_dialogues
from roleplay.dataset.sample import Sample
from roleplay.paths import write_file
from roleplay.training.arguments import arguments, one_gpu
from roleplay.training.checkpoints import checkpoints, step_of
from roleplay.training.finish import finish
from roleplay.training.keep import keep
from roleplay.training.kept_trainer import KeptTrainer
from roleplay.training.picture import draw_losses
from roleplay.training.prepare import Job
from roleplay.training.processes import process, wait
from roleplay.training.run import read_metrics
from roleplay.training.sampler import Sampler
from roleplay.training.steer import Interrupt, Milestones, Patience, Rhythm
from roleplay.training.trainer import PersonaTrainer
from roleplay.training.watch import MetricsFile, Reporter, Took, Watch, unheard

Say = Callable[[str], None]
"""Takes a line for people."""


def nothing() -> None:
    """Keeps nothing."""


@dataclass(frozen=True)
class Beside:
    """What goes on beside the training loop."""

    resumed_step: int = 0
    """The step it goes on from."""
    save_best: Callable[[], None] = nothing
    """Called as soon as what was learned is the best so far."""
    callbacks: Sequence[TrainerCallback] = ()
    """Hear of steps, losses and checkpoints."""
    took: Took = unheard
    """Hears of samples and tokens."""


class Method(Protocol):
    """What one way of training has of its own."""

    def trainer(self, job: Job, beside: Beside) -> KeptTrainer:
        """The Trainer of a job."""

    def keep(self, job: Job, trainer: KeptTrainer, which: str, loss: float | None) -> None:
        """Write what is learned by now as `which`; `loss` is the held-out loss there."""

    def finish(self, job: Job, trainer: KeptTrainer, seconds: float, early: bool, say: Say) -> dict[str, Any]:
        """Measure what came of it and write the summary: the run is finished."""


def train(job: Job, *, resume: bool, report: Reporter, say: Say, method: Method | None = None) -> dict[str, Any]:
    """Train to the end or to Ctrl-C; returns the summary, with `finished` false after Ctrl-C.

    Without a `method` it learns from dialogues or texts. Raises StorageError where a checkpoint cannot be written,
    RunError where training diverges; what was saved before stays usable.
    """
    method = method or Dialogues()
    found = checkpoints(job.run.checkpoints) if resume else []
    resumed_step = step_of(found[-1]) if found else 0
    if resume:
        say(f"going on from step {resumed_step}" if found else "no checkpoint yet: starting from step 0")
    if job.config.decisions.batching_because:
        say(f"samples are padded, not computed as a tree: {job.config.decisions.batching_because}")
    if process() == 0:
        _begin(job)
    wait()
    cached = job.base.model.config.use_cache
    trainer, interrupt = _make(job, method, resumed_step, report)
    began = time.monotonic()
    try:
        trainer.train(resume_from_checkpoint=str(found[-1]) if found else None)
    finally:
        interrupt.release()
        job.base.model.set_attn_implementation(job.config.decisions.attention)
        job.base.model.config.use_cache = cached  # Trainer switches it off
    seconds = time.monotonic() - began
    step = trainer.state.global_step
    metrics = read_metrics(job.run.metrics)
    here = [entry for entry in metrics if entry["step"] == step and "eval_loss" in entry]
    method.keep(job, trainer, "last", here[-1]["eval_loss"] if here else None)
    if step < trainer.state.max_steps and not stopped_early(trainer):
        if process() == 0:
            draw_losses(metrics, f"{job.config.character}: {job.run.name}", job.run.picture)
        return {"finished": False, "run": job.run.name, "folder": str(job.run.folder), "step": step}
    if trainer.state.best_metric is None:
        # Nothing is held out to choose by; everything that looks for the best finds the last.
        method.keep(job, trainer, "best", None)
    return method.finish(job, trainer, seconds, stopped_early(trainer), say)


def _begin(job: Job) -> None:
    """What decides the run, and what it is trained on, before the first step."""
    job.run.write_config(job.config, job.card_file.path.read_text(encoding="utf-8"))
    if isinstance(job.corpus, Corpus):
        write_file(job.run.dialogues, dump_dialogues(job.corpus))


def _make(job: Job, method: Method, resumed_step: int, report: Reporter) -> tuple[KeptTrainer, Interrupt]:
    settings = job.config.settings
    metrics = read_metrics(job.run.metrics)
    trainer: KeptTrainer
    interrupt, watch = Interrupt(), Watch(report, metrics, resumed_step)
    milestones = Milestones(
        settings.keep_epochs,
        job.material.steps_per_epoch(settings),
        lambda name: method.keep(job, trainer, name, None),
    )
    callbacks: list[TrainerCallback] = [watch, milestones, interrupt, Rhythm()]
    if process() == 0:
        callbacks.insert(0, MetricsFile(job.run.metrics, resumed_step, watch.speed))
    if settings.early_stopping is not None:
        callbacks.append(Patience(settings.early_stopping, metrics, resumed_step))

    def save_best() -> None:
        method.keep(job, trainer, "best", trainer.state.best_metric)

    beside = Beside(resumed_step, save_best, callbacks, watch.took)
    trainer = method.trainer(job, beside)
    if process() == 0:
        trainer.add_callback(Sampler(job, trainer.at_rest, resumed_step))
    return trainer, interrupt


class Dialogues:
    """Learning from the character's dialogues or texts."""

    def trainer(self, job: Job, beside: Beside) -> PersonaTrainer:
        """Held-out losses are those of the corpora."""
        heldout = [job.corpus.sample(row) for row in job.corpus.heldout()]
        return make_trainer(job, heldout=heldout, beside=beside)

    def keep(self, job: Job, trainer: KeptTrainer, which: str, loss: float | None) -> None:
        """The first process writes, all of them give their parts."""
        weights = trainer.accelerator.get_state_dict(trainer.model) if trainer.is_fsdp_enabled else None
        if process() == 0:
            keep(job, which, trainer.state.global_step, loss, weights)

    def finish(self, job: Job, trainer: KeptTrainer, seconds: float, early: bool, say: Say) -> dict[str, Any]:
        """Bits per character of the best, in all lanes."""
        return finish(job, trainer.state, seconds, early=early, say=say)


def stopped_early(trainer: KeptTrainer) -> bool:
    """Whether the run ended before its last step: its held-out loss did not fall any more, or it went too far away."""
    spent = trainer.ended_early or any(
        part.spent for part in trainer.callback_handler.callbacks if isinstance(part, Patience)
    )
    return spent and trainer.state.global_step < trainer.state.max_steps


def make_trainer(job: Job, *, heldout: Sequence[Sample], beside: Beside) -> PersonaTrainer:
    """The Trainer of a job that learns from dialogues or texts."""
    return PersonaTrainer(
        model=job.tuned,
        args=one_gpu(TrainingArguments(**arguments(job, beside.resumed_step))),
        corpus=job.corpus,
        heldout=heldout,
        pad=int(job.base.tokenizer.pad_token_id),
        decisions=job.config.decisions,
        settings=job.config.settings,
        save_best=beside.save_best,
        callbacks=list(beside.callbacks),
        took=beside.took,
    )
