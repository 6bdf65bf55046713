"""The end of a run: what it is worth on dialogues it never saw, in a summary and a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from transformers import TrainerState

from roleplay.generation.lanes import LANES
from roleplay.measures.interval import Interval
from roleplay.models.adapter import load_adapter
from roleplay.models.base import load_base
from roleplay.models.spec import parse_spec
from roleplay.training.picture import draw_losses
from roleplay.training.prepare import Job, take_off
from roleplay.training.processes import process
from roleplay.training.proof import lane_bits
from roleplay.training.run import read_metrics


def finish(job: Job, state: TrainerState, seconds: float, *, pad: int, early: bool) -> dict[str, Any]:
    """Measure the best, draw, and write the summary: the run is finished. The model of `job` is changed by it."""
    if process() != 0:
        return {"finished": True}
    metrics, tuning = read_metrics(job.run.metrics), job.config.settings.tuning
    draw_losses(metrics, f"{job.config.character}: {job.run.name}", job.run.picture)
    summary = {
        "finished": True,
        "character": job.config.character,
        "run": job.run.name,
        "folder": str(job.run.folder),
        "preset": job.config.preset,
        "tuning": tuning,
        "steps": state.global_step,
        "stopped_early": early,
        "epochs": round(state.epoch or 0, 2),
        "seconds": round(seconds, 1),
        "parameters": job.parameters,
        "targets": job.config.targets,
        "training_loss": _newest(metrics, "loss"),
        "heldout_loss": _newest(metrics, "eval_loss"),
        "best_heldout_loss": state.best_metric,
        "best_step": state.best_global_step,
        "heldout_bits_per_character": {lane: asdict(interval) for lane, interval in _bits(job, pad).items()},
        "adapter" if tuning == "lora" else "base": str(job.run.result("best", tuning)),
        "picture": str(job.run.picture),
    }
    job.run.write_summary(summary)
    return summary


def _bits(job: Job, pad: int) -> dict[str, Interval]:
    """Held-out bits per character by lane, of the best step."""
    best = job.run.result("best", job.config.settings.tuning)
    if job.config.settings.tuning == "lora":
        return lane_bits(load_adapter(take_off(job).base, best), job.corpus, pad)
    decisions = job.config.decisions
    dtype = getattr(torch, decisions.dtype)
    tuned = load_base(parse_spec(str(best)), dtype=dtype, device=decisions.device).model
    bits = lane_bits(tuned, job.corpus, pad, adapter=True)
    del tuned
    untouched = load_base(job.base.spec, dtype=dtype, device=decisions.device).model
    bits |= lane_bits(untouched, job.corpus, pad, adapter=False)
    return {lane: bits[lane] for lane in LANES if lane in bits}


def _newest(metrics: Sequence[Mapping[str, Any]], key: str) -> float | None:
    return next((entry[key] for entry in reversed(metrics) if key in entry), None)
