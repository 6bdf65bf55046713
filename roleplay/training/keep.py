"""What a run leaves for use: adapters, or whole bases, at the best, the last and chosen steps."""

from collections.abc import Mapping
from typing import Any

import torch

from roleplay.models.adapter import save_adapter
from roleplay.models.passport import Passport
from roleplay.models.whole import save_base
from roleplay.training.prepare import Job
from roleplay.training.run import RunConfig
from roleplay.training.settings import PREFERENCE


def keep(job: Job, which: str, step: int, loss: float | None, weights: dict[str, torch.Tensor] | None = None) -> None:
    """Write what was learned up to `step` as `which`; `loss` is the held-out loss there.

    `weights` are given where they lie in several processes.
    """
    config = job.config
    passport = Passport(config.character, config.base, job.run.name, step, loss)
    folder = job.run.result(which, config.settings.tuning)
    if config.settings.tuning == "lora":
        save_adapter(job.tuned, folder, passport, readme(config, passport), weights)
    else:
        dtype = getattr(torch, config.decisions.dtype)
        save_base(job.tuned, job.base.tokenizer, folder, readme(config, passport), dtype=dtype, weights=weights)


def readme(config: RunConfig, passport: Passport) -> str:
    """The model card that travels with the weights, without any path of this machine."""
    settings = config.settings
    loss = "not measured" if passport.heldout_loss is None else f"{passport.heldout_loss:.3f} nats per trained token"
    head: Mapping[str, Any] = (
        {"library_name": "peft", "tags": "[lora, roleplay]"}
        if settings.tuning == "lora"
        else {"library_name": "transformers", "tags": "[roleplay]"}
    )
    made = f"A LoRA on {config.targets}"
    if settings.tuning != "lora":
        made = f"{passport.base.name} with {config.targets} tuned"
    scale = ", rsLoRA" if settings.rslora else ""
    lines = [
        "---",
        f"base_model: {passport.base.name}",
        *(f"{key}: {value}" for key, value in head.items()),
        "---",
        "",
        f"# {passport.character} on {passport.base.name}",
        "",
        f"{made}, made by roleplay (run `{passport.run}`, preset `{config.preset}`), taken at step {passport.step}.",
        "",
    ]
    if settings.tuning == "lora":
        lines.append(f"- rank {settings.rank}, alpha {settings.alpha:g}, dropout {settings.dropout:g}{scale}")
    if settings.quant != "none":
        lines.append(f"- trained on the base kept in {settings.quant}")
    lines += [
        f"- {settings.batch_size} × {settings.grad_accum} samples a step, peak learning rate "
        f"{settings.learning_rate:g}, {settings.scheduler}",
    ]
    if settings.stage in PREFERENCE:
        lines.append(f"- tuned by choices ({settings.stage})")
    else:
        lines.append(f"- held-out loss {loss}")
    return "\n".join(lines) + "\n"
