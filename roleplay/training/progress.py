"""Where a run is, read from its folder: whoever looks need not be the process that trains."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roleplay.errors import RunError
from roleplay.text import clean
from roleplay.training.background import is_alive
from roleplay.training.curves import Curves, curves_of
from roleplay.training.run import Run, RunConfig, read_metrics
from roleplay.training.samples import TrainingSample, read_samples

_TAIL = 8192
"""Bytes at the end of the log that are read."""
_LAST_WORDS = 4
"""Lines of it that are told."""


@dataclass(frozen=True)
class RunProgress:
    """A run as it stands."""

    run: Run
    """Its folder."""
    state: str
    """`starting` before the folder is held, then `training`; `finished`, `stopped` or `damaged`."""
    config: RunConfig | None
    """What decides the run; `None` before it is known."""
    step: int
    """Optimizer steps of the newest log entry."""
    steps: int | None
    """Optimizer steps in all; `None` before the first training loss."""
    epoch: float
    """Passes over the dataset done."""
    tokens_per_second: float | None
    """Of the process that trained last; `None` before the first training loss."""
    remaining: float | None
    """Seconds left at that speed; `None` where nobody knows, or nothing is left."""
    curves: Curves
    """Losses so far."""
    samples: tuple[TrainingSample, ...]
    """Replies so far, oldest first."""
    last_words: tuple[str, ...]
    """The end of what the process wrote."""


def look_at(run: Run) -> RunProgress:
    """Read the folder of `run`."""
    state, config = run.state, None
    if state == "stopped" and is_alive(run):
        state = "starting"
    try:
        config = run.read_config()
    except RunError:
        state = "damaged" if state in ("stopped", "finished") and (run.folder / "run.json").exists() else state
    metrics = read_metrics(run.metrics)
    newest: Mapping[str, Any] = next((entry for entry in reversed(metrics) if "tokens_per_second" in entry), {})
    step = int(metrics[-1]["step"]) if metrics else 0
    steps = newest.get("steps")
    return RunProgress(
        run=run,
        state=state,
        config=config,
        step=step,
        steps=steps,
        epoch=float(metrics[-1]["epoch"]) if metrics else 0.0,
        tokens_per_second=newest.get("tokens_per_second"),
        remaining=_remaining(config, newest, step) if state == "training" else None,
        curves=curves_of(metrics),
        samples=tuple(read_samples(run.samples)),
        last_words=tuple(_last_words(run)),
    )


def _remaining(config: RunConfig | None, newest: Mapping[str, Any], step: int) -> float | None:
    if config is None or not newest.get("samples_per_second") or not newest.get("steps"):
        return None
    each = config.settings.batch_size * config.settings.grad_accum / float(newest["samples_per_second"])
    return each * (int(newest["steps"]) - step)


def _last_words(run: Run) -> Sequence[str]:
    try:
        with run.log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _TAIL))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:  # trained in the foreground, or removed just now
        return []
    return [line for line in clean(text).splitlines() if line.strip()][-_LAST_WORDS:]
