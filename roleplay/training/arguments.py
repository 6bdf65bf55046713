"""From settings and decisions to `transformers.TrainingArguments`."""

from typing import Any, TypeVar

from transformers import TrainingArguments

from roleplay.training.prepare import Job

A = TypeVar("A", bound=TrainingArguments)


def arguments(job: Job, resumed_step: int) -> dict[str, Any]:
    """What Trainer is told of a job that goes on from `resumed_step`; whole optimizer steps are its batches."""
    settings, decisions = job.config.settings, job.config.decisions
    gpu, heldout = decisions.device == "cuda", job.material.has_heldout
    return {
        "output_dir": str(job.run.checkpoints),
        "num_train_epochs": settings.epochs,
        "max_steps": settings.max_steps or -1,
        "per_device_train_batch_size": settings.batch_size * settings.grad_accum,
        "learning_rate": settings.learning_rate,
        "adam_beta2": settings.adam_beta2,
        "optim": "adamw_torch_fused" if settings.optimizer == "adamw" else settings.optimizer,
        "lr_scheduler_type": settings.scheduler,
        "lr_scheduler_kwargs": settings.scheduler_options,
        "warmup_steps": settings.warmup_steps,
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.max_grad_norm,
        "logging_steps": settings.logging_steps,
        "logging_nan_inf_filter": False,
        "eval_strategy": "steps" if heldout else "no",
        "eval_steps": settings.eval_steps,
        "eval_on_start": heldout and not resumed_step,
        "save_strategy": "steps",
        "save_steps": settings.save_steps,
        "metric_for_best_model": "loss" if heldout else None,
        "greater_is_better": False if heldout else None,
        "bf16": decisions.dtype == "bfloat16",
        "fp16": decisions.dtype == "float16",
        "use_cpu": not gpu,
        "torch_compile": settings.compile,
        "seed": settings.seed,
        "ddp_find_unused_parameters": False,
        "dataloader_pin_memory": gpu,
        "dataloader_num_workers": 0,  # packing a step takes 2 ms, beginning a worker at every epoch 70
        "remove_unused_columns": False,
        "report_to": [],
        "disable_tqdm": True,
    }


def one_gpu(arguments: A) -> A:
    """A process has one GPU; torch's DataParallel would split what is one row."""
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1
    return arguments
