"""From card and base to a finished run."""

import math
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import Any

import torch
from transformers import TrainerCallback, TrainingArguments, set_seed
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from roleplay.cards.load import CardFile
from roleplay.dataset.build import Corpus, build_corpus
from roleplay.dataset.render import make_renderer
from roleplay.dataset.sample import Sample
from roleplay.errors import RunError
from roleplay.models.adapter import adapter_parameters, attach_new, load_adapter, save_adapter
from roleplay.models.base import Base, best_device, load_base, load_context, load_tokenizer
from roleplay.models.passport import Passport
from roleplay.models.spec import BaseSpec
from roleplay.paths import shown
from roleplay.training.batching import why_not_tree
from roleplay.training.picture import draw_losses
from roleplay.training.proof import lane_bits
from roleplay.training.run import Decisions, Run, RunConfig, read_metrics
from roleplay.training.settings import Resolved, Settings
from roleplay.training.trainer import PersonaTrainer, checkpoints
from roleplay.training.watch import Interrupt, MetricsFile, Reporter, Watch

_SHORT = 512
_LIBRARIES = ("torch", "transformers", "peft", "accelerate")


@dataclass(frozen=True)
class Job:
    """A run that is ready to train."""

    run: Run
    """Its folder."""
    card_file: CardFile
    """The character."""
    config: RunConfig
    """What decides the result."""
    corpus: Corpus
    """What is trained."""
    base: Base
    """The base, loaded as the decisions say."""
    parameters: int
    """Trainable parameters."""
    tuned: Any
    """The base with a fresh adapter on it."""


def decide(settings: Settings, longest: int) -> Decisions:
    """Device, precision, threads and attention of this machine for sequences of up to `longest` tokens.

    bfloat16 where its products run in hardware. On a CPU the backward pass of SDPA is slow (a step of 16 samples of at
    most 420 tokens took 1.30 s, with eager attention 0.93 s); eager attention keeps every score, so only short
    sequences use it.
    """
    device = best_device()
    precision = settings.precision
    if precision == "auto":
        native = torch.cuda.is_bf16_supported() if device == "cuda" else _cpu_has_bfloat16()
        precision = "bfloat16" if native else "float32"
    attention = "eager" if device == "cpu" and longest <= _SHORT else "sdpa"
    return Decisions(device, precision, torch.get_num_threads(), attention, settings.batching)


def _cpu_has_bfloat16() -> bool:
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def prepare(run: Run, card_file: CardFile, spec: BaseSpec, resolved: Resolved, former: RunConfig | None) -> Job:
    """Load everything, pass the gate and settle the run's configuration; `former` is that of a resumed run.

    Raises RunError where card, dataset or base are no longer those of `former`, and every error of loading.
    """
    settings = former.settings if former else resolved.settings
    limit = min(settings.max_length, load_context(spec))
    corpus = build_corpus(card_file, make_renderer(load_tokenizer(spec)), limit=limit, seed=settings.seed)
    corpus.check(math.ceil(_epochs(settings, corpus)))
    decisions = former.decisions if former else decide(settings, corpus.longest)
    if decisions.device == "cuda" and not torch.cuda.is_available():
        raise RunError(
            f"{shown(run.folder)} was begun on a GPU and there is none here; resume it there, or start a new run"
        )
    torch.set_num_threads(decisions.threads)
    dtype = torch.bfloat16 if decisions.precision == "bfloat16" else torch.float32
    base = load_base(spec, dtype=dtype, device=decisions.device)
    base.model.set_attn_implementation(decisions.attention)
    set_seed(settings.seed)
    tuned, targets = attach_new(base.model, rank=settings.rank, alpha=settings.alpha, dropout=settings.dropout)
    if former is None and decisions.batching == "tree":
        decisions = _proven(decisions, tuned, corpus, settings, int(base.tokenizer.pad_token_id))
    config = RunConfig(
        character=card_file.card.name,
        preset=former.preset if former else resolved.preset,
        settings=settings,
        sources=dict(former.sources if former else resolved.sources),
        base=base.identity,
        base_source=spec.reference,
        card=card_file.identity,
        dataset=corpus.fingerprint,
        targets=str(targets),
        decisions=decisions,
        environment={"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
    )
    if former is not None:
        _refuse_changes(run, former, config)
    return Job(run, card_file, config, corpus, base, adapter_parameters(tuned), tuned)


def _proven(decisions: Decisions, tuned: Any, corpus: Corpus, settings: Settings, pad: int) -> Decisions:
    """Trees where the first step of the run has the same gradient with them; else padded rows, and why."""
    samples = [corpus.sample(row) for row in corpus.epoch(0)[: settings.batch_size * settings.grad_accum]]
    reason = why_not_tree(tuned, samples, pad=pad, precision=decisions.precision, attention=decisions.attention)
    return replace(decisions, batching="padded", batching_because=reason) if reason else decisions


def _refuse_changes(run: Run, former: RunConfig, now: RunConfig) -> None:
    changed = [name for name in ("card", "dataset") if getattr(former, name) != getattr(now, name)]
    changed += [f"base ({part})" for part in former.base.differences(now.base)]
    if changed:
        raise RunError(
            f"{shown(run.folder)} cannot go on: {', '.join(changed)} changed since it began; put back what it had, or "
            "start a new run without --resume"
        )


def steps_of(settings: Settings, corpus: Corpus) -> int:
    """Optimizer steps of a whole run."""
    return settings.max_steps or math.ceil(settings.epochs * _steps_per_epoch(settings, corpus))


def _epochs(settings: Settings, corpus: Corpus) -> float:
    return settings.max_steps / _steps_per_epoch(settings, corpus) if settings.max_steps else settings.epochs


def _steps_per_epoch(settings: Settings, corpus: Corpus) -> int:
    return max(1, math.ceil(len(corpus.epoch(0)) / (settings.batch_size * settings.grad_accum)))


def train(job: Job, *, resume: bool, report: Reporter, say: Callable[[str], None]) -> dict[str, Any]:
    """Train to the end or to Ctrl-C; returns the summary, with `finished` false after Ctrl-C.

    Raises StorageError where a checkpoint cannot be written; what was saved before stays usable.
    """
    run = job.run
    found = checkpoints(run.checkpoints) if resume else []
    resumed_step = int(found[-1].name.rsplit("-", 1)[1]) if found else 0
    if resume:
        say(f"going on from step {resumed_step}" if found else "no checkpoint yet: starting from step 0")
    if job.config.decisions.batching_because:
        say(f"samples are padded, not computed as a tree: {job.config.decisions.batching_because}")
    job.run.write_config(job.config, job.card_file.path.read_text(encoding="utf-8"))
    heldout = [job.corpus.sample(row) for row in job.corpus.heldout()]
    interrupt = Interrupt()
    trainer = make_trainer(
        job,
        heldout=heldout,
        resumed_step=resumed_step,
        save_best=lambda: _save(job, trainer, "best", trainer.state.best_metric),
        callbacks=[MetricsFile(run.metrics, resumed_step), Watch(report), interrupt],
    )
    began = time.monotonic()
    try:
        trainer.train(resume_from_checkpoint=str(found[-1]) if found else None)
    finally:
        interrupt.release()
        job.base.model.set_attn_implementation(job.config.decisions.attention)
    done = trainer.state.global_step >= trainer.state.max_steps
    metrics = read_metrics(run.metrics)
    here = [entry for entry in metrics if entry["step"] == trainer.state.global_step]
    _save(job, trainer, "last", _newest(here, "eval_loss"))
    draw_losses(metrics, f"{job.config.character}: {run.name}", run.picture)
    if not done:
        return {"finished": False, "run": run.name, "folder": str(run.folder), "step": trainer.state.global_step}
    if trainer.state.best_metric is None:
        # Nothing is held out to choose by; everything that looks for the best adapter finds the last.
        _save(job, trainer, "best", None)
    summary = _summary(job, trainer, time.monotonic() - began)
    run.write_summary(summary)
    return summary


def make_trainer(
    job: Job,
    *,
    heldout: Sequence[Sample],
    resumed_step: int,
    save_best: Callable[[], None],
    callbacks: list[TrainerCallback],
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
    )
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    return trainer


def _arguments(job: Job, has_heldout: bool, resumed_step: int) -> TrainingArguments:
    settings, decisions = job.config.settings, job.config.decisions
    whole = decisions.batching == "tree"  # a tree holds all samples of an optimizer step
    return TrainingArguments(
        output_dir=str(job.run.checkpoints),
        num_train_epochs=settings.epochs,
        max_steps=settings.max_steps or -1,
        per_device_train_batch_size=settings.batch_size * (settings.grad_accum if whole else 1),
        gradient_accumulation_steps=1 if whole else settings.grad_accum,
        learning_rate=settings.learning_rate,
        adam_beta2=settings.adam_beta2,
        lr_scheduler_type=settings.scheduler,
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
        bf16=decisions.precision == "bfloat16",
        use_cpu=decisions.device == "cpu",
        seed=settings.seed,
        dataloader_pin_memory=decisions.device == "cuda",
        remove_unused_columns=False,
        report_to=[],
        disable_tqdm=True,
    )


def _save(job: Job, trainer: PersonaTrainer, which: str, loss: float | None) -> None:
    passport = Passport(job.config.character, job.config.base, job.run.name, trainer.state.global_step, loss)
    save_adapter(job.tuned, job.run.adapter(which), passport, adapter_readme(job.config, passport))


def adapter_readme(config: RunConfig, passport: Passport) -> str:
    """The model card that travels with the weights, without any path of this machine."""
    settings = config.settings
    loss = "not measured" if passport.heldout_loss is None else f"{passport.heldout_loss:.3f} nats per trained token"
    return (
        f"---\nbase_model: {passport.base.name}\nlibrary_name: peft\ntags: [lora, roleplay]\n---\n\n"
        f"# {passport.character} on {passport.base.name}\n\n"
        f"A LoRA on {config.targets}, made by roleplay (run `{passport.run}`, preset `{config.preset}`), "
        f"taken at step {passport.step}.\n\n"
        f"- rank {settings.rank}, alpha {settings.alpha:g}, dropout {settings.dropout:g}\n"
        f"- {settings.batch_size} × {settings.grad_accum} samples a step, peak learning rate "
        f"{settings.learning_rate:g}, {settings.scheduler}\n"
        f"- held-out loss {loss}\n"
    )


def _newest(metrics: Sequence[Mapping[str, Any]], key: str) -> float | None:
    return next((entry[key] for entry in reversed(metrics) if key in entry), None)


def _summary(job: Job, trainer: PersonaTrainer, seconds: float) -> dict[str, Any]:
    metrics = read_metrics(job.run.metrics)
    adapter = job.run.adapter("best")
    job.tuned.unload()
    tuned = load_adapter(job.base, adapter)
    bits = lane_bits(tuned, job.corpus, trainer.pad)
    return {
        "finished": True,
        "character": job.config.character,
        "run": job.run.name,
        "folder": str(job.run.folder),
        "preset": job.config.preset,
        "steps": trainer.state.global_step,
        "epochs": round(trainer.state.epoch or 0, 2),
        "seconds": round(seconds, 1),
        "parameters": job.parameters,
        "targets": job.config.targets,
        "training_loss": _newest(metrics, "loss"),
        "heldout_loss": _newest(metrics, "eval_loss"),
        "best_heldout_loss": trainer.state.best_metric,
        "best_step": trainer.state.best_global_step,
        "heldout_bits_per_character": {lane: asdict(interval) for lane, interval in bits.items()},
        "adapter": str(adapter),
        "picture": str(job.run.picture),
    }
