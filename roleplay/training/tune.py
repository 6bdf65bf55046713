"""From a prepared job to a finished run."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from transformers import TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from roleplay.dataset.corpus import Corpus
from roleplay.dataset.kept import dump_dialogues
from roleplay.dataset.sample import Sample
from roleplay.paths import write_file
from roleplay.training.checkpoints import checkpoints, step_of
from roleplay.training.finish import finish
from roleplay.training.keep import keep
from roleplay.training.picture import draw_losses
from roleplay.training.prepare import Job, steps_per_epoch
from roleplay.training.processes import process, wait
from roleplay.training.run import read_metrics
from roleplay.training.sampler import Sampler
from roleplay.training.steer import Interrupt, Milestones, Patience, Rhythm
from roleplay.training.steps import Step
from roleplay.training.trainer import PersonaTrainer
from roleplay.training.watch import MetricsFile, Reporter, Watch


def train(job: Job, *, resume: bool, report: Reporter, say: Callable[[str], None]) -> dict[str, Any]:
    """Train to the end or to Ctrl-C; returns the summary, with `finished` false after Ctrl-C.

    Raises StorageError where a checkpoint cannot be written, RunError where training diverges; what was saved before
    stays usable.
    """
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
    trainer, interrupt = _make(job, resumed_step, report)
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
    save(job, trainer, "last", here[-1]["eval_loss"] if here else None)
    if step < trainer.state.max_steps and not stopped_early(trainer):
        if process() == 0:
            draw_losses(metrics, f"{job.config.character}: {job.run.name}", job.run.picture)
        return {"finished": False, "run": job.run.name, "folder": str(job.run.folder), "step": step}
    if trainer.state.best_metric is None:
        # Nothing is held out to choose by; everything that looks for the best finds the last.
        save(job, trainer, "best", None)
    return finish(job, trainer.state, seconds, pad=trainer.pad, early=stopped_early(trainer), say=say)


def _begin(job: Job) -> None:
    """What decides the run, and what it is trained on, before the first step."""
    job.run.write_config(job.config, job.card_file.path.read_text(encoding="utf-8"))
    if isinstance(job.corpus, Corpus):
        write_file(job.run.dialogues, dump_dialogues(job.corpus))


def _make(job: Job, resumed_step: int, report: Reporter) -> tuple[PersonaTrainer, Interrupt]:
    settings = job.config.settings
    metrics = read_metrics(job.run.metrics)
    interrupt, watch = Interrupt(), Watch(report, metrics, resumed_step)
    milestones = Milestones(
        settings.keep_epochs,
        steps_per_epoch(settings, job.corpus),
        lambda name: save(job, trainer, name, None),
    )
    callbacks: list[TrainerCallback] = [watch, milestones, interrupt, Rhythm()]
    if process() == 0:
        callbacks.insert(0, MetricsFile(job.run.metrics, resumed_step, watch.speed))
    heldout = [job.corpus.sample(row) for row in job.corpus.heldout()]
    if settings.early_stopping is not None:
        callbacks.append(Patience(settings.early_stopping, metrics, resumed_step))
    trainer = make_trainer(
        job,
        heldout=heldout,
        resumed_step=resumed_step,
        save_best=lambda: save(job, trainer, "best", trainer.state.best_metric),
        callbacks=callbacks,
        took=watch.took,
    )
    if process() == 0:
        trainer.add_callback(Sampler(job, trainer.at_rest, resumed_step))
    return trainer, interrupt


def save(job: Job, trainer: PersonaTrainer, which: str, loss: float | None) -> None:
    """Keep what is learned by now; the first process writes, all of them give their parts."""
    weights = trainer.accelerator.get_state_dict(trainer.model) if trainer.is_fsdp_enabled else None
    if process() == 0:
        keep(job, which, trainer.state.global_step, loss, weights)


def stopped_early(trainer: PersonaTrainer) -> bool:
    """Whether the run ended before its last step, because its held-out loss did not fall any more."""
    spent = any(part.spent for part in trainer.callback_handler.callbacks if isinstance(part, Patience))
    return spent and trainer.state.global_step < trainer.state.max_steps


def make_trainer(
    job: Job,
    *,
    heldout: Sequence[Sample],
    resumed_step: int,
    save_best: Callable[[], None],
    callbacks: list[TrainerCallback],
    took: Callable[[Step], None] = lambda step: None,
) -> PersonaTrainer:
    """The Trainer of a job; whatever it has to tell goes to `callbacks`."""
    trainer = PersonaTrainer(
        model=job.tuned,
        args=_arguments(job, bool(heldout), resumed_step),
        corpus=job.corpus,
        heldout=heldout,
        pad=int(job.base.tokenizer.pad_token_id),
        decisions=job.config.decisions,
        settings=job.config.settings,
        save_best=save_best,
        callbacks=callbacks,
        took=took,
    )
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    return trainer


def _arguments(job: Job, has_heldout: bool, resumed_step: int) -> TrainingArguments:
    settings, decisions = job.config.settings, job.config.decisions
    gpu = decisions.device == "cuda"
    arguments = TrainingArguments(
        output_dir=str(job.run.checkpoints),
        num_train_epochs=settings.epochs,
        max_steps=settings.max_steps or -1,
        per_device_train_batch_size=settings.batch_size * settings.grad_accum,
        learning_rate=settings.learning_rate,
        adam_beta2=settings.adam_beta2,
        optim="adamw_torch_fused" if settings.optimizer == "adamw" else settings.optimizer,
        lr_scheduler_type=settings.scheduler,
        lr_scheduler_kwargs=settings.scheduler_options,
        warmup_steps=settings.warmup_steps,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        logging_steps=settings.logging_steps,
        logging_nan_inf_filter=False,
        eval_strategy="steps" if has_heldout else "no",
        eval_steps=settings.eval_steps,
        eval_on_start=has_heldout and not resumed_step,
        save_strategy="steps",
        save_steps=settings.save_steps,
        metric_for_best_model="loss" if has_heldout else None,
        greater_is_better=False if has_heldout else None,
        bf16=decisions.dtype == "bfloat16",
        fp16=decisions.dtype == "float16",
        use_cpu=not gpu,
        torch_compile=settings.compile,
        seed=settings.seed,
        ddp_find_unused_parameters=False,
        dataloader_pin_memory=gpu,
        dataloader_num_workers=int(gpu),  # the next step is packed while the GPU computes this one
        remove_unused_columns=False,
        report_to=[],
        disable_tqdm=True,
    )
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1  # a process has one GPU; torch's DataParallel would split what is one row
    return arguments
