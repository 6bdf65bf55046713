"""The training table: samples a second, memory and share of the matrix rate of each way to train, on one base."""

import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from roleplay.dataset.render import make_renderer
from roleplay.dataset.sample import Sample
from roleplay.models.base import Base
from tests.bench.gpu.clock import Patience
from tests.bench.gpu.contest import RANK, Contest, race
from tests.bench.gpu.device import Options, matrix_rate
from tests.bench.gpu.material import step_samples, write_card
from tests.bench.gpu.results import Results, open_results
from tests.bench.gpu.shapes import make_base, tokenizer_name
from tests.bench.gpu.tables import cell, show
from tests.bench.gpu.work import work_of
from tests.bench.training.case import SAMPLES_A_STEP, Case
from tests.bench.training.contenders import TITLES
from tests.bench.training.race import Outcome
from tests.bench.training.report import different_losses, gradient_difference

NOTE = (
    "Share of rate: useful work a second, of the rate that the best of some large square products reaches. Useful are "
    "the distinct tokens of trees and the real tokens of rows; padding, logits that nothing is trained on and layers "
    "that are computed again are not. Peak: bytes in tensors, the base included. Gradient: relative difference to the "
    "padded rows of roleplay."
)
SHAPES = ("qwen2.5-7b", "chatglm-6b", "qwen3-4b", "qwen2.5-0.5b")
PREFIXES = (64, 200, 600, 1000)
NAMES = ("padded", "plain", "trl", "trl-16", "tree-dense", "tree", "tree-flex")
_FEW = ("padded", "trl", "tree", "tree-flex")
_TITLES = TITLES | {"tree": "roleplay, trees, grouped"}
SPEEDS = {64: 1.4, 200: 2.3, 600: 4.0, 1000: 5.5}
"""Prefix → how many times as fast as padded rows FlexAttention has to be."""
SHARE = 0.4
"""Of the matrix rate, at the shape of 7B."""
SMALL_CARD = 12e9
"""Bytes of a card that a base of 7B in nf4 has to be trained on."""
_DRIVER = 0.5e9
"""Bytes of it that are not torch's to have."""
_DISTINCT = 8
"""Steps of different samples; they come round again."""


@dataclass(frozen=True)
class Part:
    """The tables of one base in memory."""

    shape: str
    """Key of `SHAPES`."""
    kept: str
    """`bf16`, `fp32` or `nf4`."""
    checkpointing: tuple[bool, ...]
    """Whether layers are computed again in the backward pass: each is made."""
    prefixes: tuple[int, ...]
    """Tokens."""
    names: tuple[str, ...]
    """Contenders."""


def run(options: Options) -> None:
    """Make the table, the biggest base first; each row is written as soon as its turn is over."""
    results = open_results("training", options, ("base", "kept", "prefix", "contender"))
    rate = matrix_rate(options.device, options.dtype)
    _say(f"{rate / 1e12:.2f} TFLOP/s of matrix products")
    for part in parts_of(options):
        began = time.perf_counter()
        quant = "nf4" if part.kept == "nf4" else "none"
        base = make_base(part.shape, device=options.device, dtype=options.dtype, quant=quant)
        _say(f"{part.shape}, {part.kept}: made in {time.perf_counter() - began:.1f} s")
        for prefix in part.prefixes:
            for checkpointing in part.checkpointing:
                _race(options, part, base, prefix, checkpointing, rate, results)
        del base
        gc.collect()
    show(results)


def parts_of(options: Options) -> Iterator[Part]:
    """What is made with these options, in order."""
    names = tuple(name for name in NAMES if options.wants(name))
    few = tuple(name for name in _FEW if options.wants(name))
    if not names:
        raise ValueError(f"no contender is called {', '.join(options.only)}; choose of {', '.join(NAMES)}")
    kept = "bf16" if options.device == "cuda" else "fp32"
    for shape in options.shapes or SHAPES:
        yield Part(shape, kept, (False,), options.prefixes or PREFIXES, names)
        if shape == "qwen2.5-7b":
            yield Part(shape, "nf4", (False, True), options.prefixes or (200, 1000), few)


def _race(
    options: Options, part: Part, base: Base, prefix: int, checkpointing: bool, rate: float, results: Results
) -> None:
    patience = Patience(0, 1, 1) if options.quick else Patience()
    samples = _samples(base, prefix, patience.steps)
    limit = int(SMALL_CARD - _DRIVER) if checkpointing and part.kept == "nf4" else None
    contest = Contest(base, samples, device=options.device, patience=patience, checkpointing=checkpointing, limit=limit)
    step = samples[:SAMPLES_A_STEP]
    table = Table(
        options, part, prefix, checkpointing, rate, {s: work_of(step, base.model, shared=s) for s in (False, True)}
    )
    began = time.perf_counter()

    def told(outcomes: list[Outcome], outcome: Outcome) -> None:
        row = table.row(outcomes, outcome)
        results.add(row)
        _say("  ".join(cell(value) for name, value in row.items() if not name.startswith("_")))

    rounds = 1 if options.quick or part.kept == "nf4" else 2
    everyone = race(contest, part.names, rounds=rounds, told=told)
    for outcome in everyone:  # ratios to those who came later are known now
        results.add(table.row(everyone, outcome))
    _say(f"{time.perf_counter() - began:.0f} s")


def _samples(base: Base, prefix: int, steps: int) -> list[Sample]:
    renderer = make_renderer(base.tokenizer)
    distinct = min(steps, _DISTINCT)
    with tempfile.TemporaryDirectory() as folder:
        card = write_card(Path(folder), renderer, prefix=prefix, samples=distinct * SAMPLES_A_STEP)
        found = step_samples(card, renderer, distinct)
    return (found * -(-steps // distinct))[: steps * SAMPLES_A_STEP]


@dataclass(frozen=True)
class Table:
    """What the rows of one race have in common."""

    options: Options
    """What was asked for."""
    part: Part
    """Base and contenders."""
    prefix: int
    """Tokens."""
    checkpointing: bool
    """Whether layers are computed again."""
    rate: float
    """Floating-point operations a second of matrix products."""
    work: dict[bool, int]
    """Whether samples share what they begin with → useful floating-point operations of a step."""

    def row(self, outcomes: list[Outcome], outcome: Outcome) -> dict[str, Any]:
        """A contender's, by what is known so far."""
        padded = next((o for o in outcomes if o.name == "padded" and o.seconds), None)
        rivals = [o for o in outcomes if o.name in ("trl", "trl-16") and o.seconds and not o.failed]
        rival = min(rivals, key=_seconds, default=None)
        done = outcome.seconds and not outcome.failed
        share = self.work[outcome.name.startswith("tree")] / _seconds(outcome) / self.rate if done else None

        def ratio(other: Outcome | None) -> float | None:
            return _seconds(other) / _seconds(outcome) if other and done else None

        faster = ratio(padded)
        row = {
            "base": self.part.shape,
            "kept": self.part.kept + (", checkpointed" if self.checkpointing else ""),
            "tokenizer": tokenizer_name(self.part.shape),
            "prefix": self.prefix,
            "contender": _TITLES[outcome.name],
            "samples/s": SAMPLES_A_STEP / _seconds(outcome) if done else None,
            "x padded": faster,
            "x TRL": ratio(rival),
            "peak GB": outcome.peak / 1e9 if outcome.peak else None,
            "share of rate": f"{share:.0%}" if share else None,
            "loss": f"{outcome.loss:.4f}" if outcome.loss is not None else None,
            "gradient": gradient_difference(outcome, padded),
        }
        remarks = [outcome.failed, *self._different(padded, outcome), *self._bars(outcome, faster, share)]
        if outcome.slower is not None:
            remarks.append("the slower of TRL's two")
        return row | {
            "remarks": "; ".join(filter(None, remarks)),
            "_seconds": outcome.seconds,
            "_share": share,
            "_rate": self.rate,
        }

    def _different(self, padded: Outcome | None, outcome: Outcome) -> list[str]:
        dtype = "bfloat16" if self.options.device == "cuda" else "float32"
        case = Case(self.part.shape, dtype, self.prefix, "one", RANK, torch.get_num_threads(), 0)
        found = different_losses(case, [padded, outcome]) if padded and padded is not outcome else []
        return ["NOT THE SAME LOSS OR GRADIENT"] if found else []

    def _bars(self, outcome: Outcome, faster: float | None, share: float | None) -> list[str]:
        """Each bar that this row is held to, with met or missed; on a CPU there are none."""
        if self.options.device == "cpu" or outcome.name != "tree-flex":
            return []
        bars: list[tuple[str, bool]] = []
        if self.part.kept == "bf16" and self.prefix in SPEEDS:
            bar = SPEEDS[self.prefix]
            bars.append((f">= {bar} x padded", faster is not None and faster >= bar))
            if self.part.shape == "qwen2.5-7b":
                bars.append((f">= {SHARE:.0%} of the rate", share is not None and share >= SHARE))
        if self.part.kept == "nf4" and self.checkpointing:
            bars.append((f"fits in {SMALL_CARD / 1e9:.0f} GB", bool(outcome.seconds) and not outcome.failed))
        return [f"{bar}: {'met' if met else 'MISSED'}" for bar, met in bars]


def _seconds(outcome: Outcome) -> float:
    return statistics.median(outcome.seconds)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
