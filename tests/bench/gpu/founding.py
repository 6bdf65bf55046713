"""The founding run at the size of a real base: seconds a step, and how many hours all of it would take."""

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from roleplay.cards.load import CardFile
from roleplay.dataset.render import make_renderer
from roleplay.models.base import Base
from roleplay.paths import Home
from roleplay.training.prepare import Job, Loaded
from roleplay.training.start import Start, load, plan_new
from roleplay.training.tune import train
from roleplay.training.watch import Progress
from tests.bench.gpu.device import Options, forget_peak, peak_bytes, synchronize
from tests.bench.gpu.material import write_card
from tests.bench.gpu.results import open_results
from tests.bench.gpu.shapes import make_base, tokenizer_name
from tests.bench.gpu.tables import show
from tests.bench.training.case import SAMPLES_A_STEP

NOTE = (
    "The command's own run with the preset `founding`, 16 samples a step: the median step after those that warm up, "
    "times 5,000. Held-out losses and checkpoints are not in it. Peak: bytes in tensors, the base included."
)
STEPS = 5000
"""Optimizer steps of the whole run."""
WAYS = {"padded": "padded rows", "tree": "trees"}
_DISTINCT = 6
"""Steps of different samples; they come round again."""
_NEVER = 1_000_000


class _Enough(BaseException):
    """Ends a run between two steps; nothing of the run may catch it."""


class Stopwatch:
    """Hears of each step: the first ones warm up, the others are timed, then the run is ended."""

    def __init__(self, device: str, *, warm_up: int, timed: int) -> None:
        self.device, self.warm_up, self.timed = device, warm_up, timed
        self.seconds: list[float] = []
        """Of each timed step."""
        self._done, self._since = 0, 0.0

    def __call__(self, progress: Progress) -> None:
        """Raises `_Enough` when all are done."""
        if progress.step == self._done:  # a log entry or the beginning, no step
            return
        self._done = progress.step
        if self._done == self.warm_up:
            forget_peak(self.device)
        synchronize(self.device)
        now = time.perf_counter()
        if self._done > self.warm_up:
            self.seconds.append(now - self._since)
        self._since = now
        if len(self.seconds) == self.timed:
            raise _Enough


def run(options: Options) -> None:
    """Make the table; each row is written as soon as it is known."""
    results = open_results("founding", options, ("base", "prefix", "way"))
    for shape in options.shapes or ("qwen2.5-7b",):
        base = make_base(shape, device=options.device, dtype=options.dtype)
        for prefix in options.prefixes or (600,):
            padded: float | None = None
            for way in filter(options.wants, WAYS):
                print(f"{shape}, prefix of {prefix}, {WAYS[way]}", file=sys.stderr, flush=True)
                row = measure(options, shape, base, prefix, way)
                padded = row["s/step"] if way == "padded" else padded
                row["x padded"] = padded / row["s/step"] if padded else None
                results.add(row)
    show(results)


def measure(options: Options, shape: str, base: Base, prefix: int, way: str) -> dict[str, Any]:
    """A row: the run of one way, ended after some steps. The base has no adapter on it before or after."""
    timed = Stopwatch(options.device, warm_up=2 if options.quick else 4, timed=3 if options.quick else 12)
    with tempfile.TemporaryDirectory() as folder:
        renderer = make_renderer(base.tokenizer)
        card = write_card(Path(folder) / "characters", renderer, prefix=prefix, samples=_DISTINCT * SAMPLES_A_STEP)
        job = _job(options, Home(Path(folder) / "home"), card, base, way)
        try:
            train(job, resume=False, report=timed, say=lambda text: print(text, file=sys.stderr))
        except _Enough:
            pass
        finally:
            job.tuned.unload()
            base.model.eval().requires_grad_(False)
    step, peak, decisions = statistics.median(timed.seconds), peak_bytes(options.device), job.config.decisions
    return {
        "base": shape,
        "prefix": prefix,
        "way": WAYS[way],
        "computed as": decisions.tree_attention if decisions.batching == "tree" else "rows",
        "s/step": step,
        "samples/s": SAMPLES_A_STEP / step,
        f"hours for {STEPS:,} steps": step * STEPS / 3600,
        "peak GB": peak / 1e9 if peak else None,
        "x padded": None,
        "remarks": decisions.batching_because,
        "_seconds": timed.seconds,
        "_tokens_per_pass": decisions.max_tokens_per_pass,
        "_tokenizer": tokenizer_name(shape),
    }


def _job(options: Options, home: Home, card: CardFile, base: Base, way: str) -> Job:
    """What `roleplay train --preset founding` would train, on a base that is in memory."""
    dtype = str(options.dtype).removeprefix("torch.")
    typed = {"batching": way, "device": options.device, "dtype": dtype, "max_steps": STEPS, "max_length": 4096}
    typed |= {"eval_steps": _NEVER, "save_steps": _NEVER, "samples": 0}
    start = Start(card, base.spec.name, "founding", typed, way)
    return load(plan_new(home, start), start, cached=False, loaded=Loaded(base, options.device, dtype, "none"))
