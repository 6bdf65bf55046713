"""The end of a run: what it is worth on dialogues it never saw, in a summary and a picture, and its canaries."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainerState

from roleplay.dataset.corpus import Corpus
from roleplay.dataset.trainable import Trainable
from roleplay.generation.canaries import Canaries, canaries_bytes
from roleplay.generation.canary_check import adapter_hash, canary_texts, make_canaries
from roleplay.generation.engine import Engine
from roleplay.generation.lanes import LANES
from roleplay.measures.interval import Interval
from roleplay.models.adapter import load_adapter
from roleplay.models.base import load_base
from roleplay.models.spec import parse_spec
from roleplay.paths import write_file
from roleplay.text import one_line
from roleplay.training.picture import draw_losses
from roleplay.training.prepare import Job, take_off
from roleplay.training.processes import process
from roleplay.training.proof import lane_bits
from roleplay.training.run import read_metrics

if TYPE_CHECKING:
    from peft import PeftModel


def finish(
    job: Job,
    state: TrainerState,
    seconds: float,
    *,
    early: bool,
    say: Callable[[str], None] = lambda text: None,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Measure the best, draw, and write the summary: the run is finished. The model of `job` is changed by it.

    `more` is what else the summary tells.
    """
    if process() != 0:
        return {"finished": True}
    tuning, pad = job.config.settings.tuning, int(job.base.tokenizer.pad_token_id)
    best = job.run.result("best", tuning)
    if tuning == "lora":
        tuned = load_adapter(take_off(job).base, best)
        bits = lane_bits(tuned, job.corpus, pad)
        _leave_canaries(job, tuned, say)
    else:
        bits = _whole_bits(job, pad)
    summary = {
        **told(job, state, seconds, early=early),
        **(more or {}),
        "heldout_bits_per_character": {lane: asdict(interval) for lane, interval in bits.items()},
        "adapter" if tuning == "lora" else "base": str(best),
    }
    job.run.write_summary(summary)
    return summary


def told(job: Job, state: TrainerState, seconds: float, *, early: bool) -> dict[str, Any]:
    """What every summary tells; its losses are drawn."""
    metrics = read_metrics(job.run.metrics)
    draw_losses(metrics, f"{job.config.character}: {job.run.name}", job.run.picture)
    return {
        "finished": True,
        "character": job.config.character,
        "run": job.run.name,
        "folder": str(job.run.folder),
        "preset": job.config.preset,
        "tuning": job.config.settings.tuning,
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
        "picture": str(job.run.picture),
    }


def canaries_of(corpus: Trainable[Any], engine: Engine, adapter: Path) -> Canaries:
    """What `engine` answers with the one in the folder `adapter`, asked as the dialogues begin that are trained.

    Raises as `make_canaries` does.
    """
    parts = corpus.corpora if isinstance(corpus, Corpus) else ()  # raw text is no dialogue
    trained = [unit.dialogue for part in parts if part.kind != "general" for unit in part.train]
    return make_canaries(engine, corpus.voice, canary_texts(corpus.voice.card, trained), adapter_hash(adapter))


def _leave_canaries(job: Job, tuned: "PeftModel", say: Callable[[str], None]) -> None:
    """What the best adapter answers word for word, for whoever gets it."""
    try:
        engine = Engine(job.base, tuned, [job.corpus.voice.renderer.traits.end_of_turn_id])
        write_file(job.run.canaries, canaries_bytes(canaries_of(job.corpus, engine, job.run.adapter("best"))))
    except Exception as error:  # whatever it is: the run is worth more, and is done
        say(f"the run has no canaries, by which others could check its adapter: {one_line(str(error), 200)}")


def _whole_bits(job: Job, pad: int) -> dict[str, Interval]:
    """Held-out bits per character by lane, of a whole base at the best step and of the one it was tuned from."""
    decisions = job.config.decisions
    dtype = getattr(torch, decisions.dtype)
    best = parse_spec(str(job.run.result("best", job.config.settings.tuning)))
    tuned = load_base(best, dtype=dtype, device=decisions.device).model
    bits = lane_bits(tuned, job.corpus, pad, adapter=True)
    del tuned
    untouched = load_base(job.base.spec, dtype=dtype, device=decisions.device).model
    bits |= lane_bits(untouched, job.corpus, pad, adapter=False)
    return {lane: bits[lane] for lane in LANES if lane in bits}


def _newest(metrics: Sequence[Mapping[str, Any]], key: str) -> float | None:
    return next((entry[key] for entry in reversed(metrics) if key in entry), None)
