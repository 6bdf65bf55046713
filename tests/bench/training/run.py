"""Which tables there are, and the loop that makes them and writes each as JSON too."""

import json
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from transformers import AutoConfig

from tests.bench.training.case import Case
from tests.bench.training.factory import VARIABLE, factory
from tests.bench.training.machine import line_of, machine
from tests.bench.training.race import ROOT, race
from tests.bench.training.report import lines_of, result_of
from tests.bench.training.shapes import make_folder

RESULTS = ROOT / "data" / "bench"
_EVERYONE = ("tree", "loop", "products", "padded", "plain", "trl", "trl-free", "trl-16")
_FEW = ("tree", "products", "trl")
_RANKS = {"pocket": 64, "reference": 8, "qwen05": 8}
_STEPS = {"pocket": 4, "reference": 1, "qwen05": 1}


@dataclass(frozen=True)
class Choice:
    """One table."""

    model: str
    """Key of the models."""
    dtype: str
    """Of matrix products."""
    prefix: int
    """Tokens."""
    openings: str = "one"
    """What samples share."""
    contenders: tuple[str, ...] = ()
    """Who takes part; empty means everyone."""
    rounds: int = 5
    """Turns of each."""
    long: bool = False
    """Made with --all alone."""


CASES = (
    Choice("reference", "float32", 64),
    Choice("reference", "float32", 200),
    Choice("reference", "float32", 600, contenders=_FEW),
    Choice("reference", "float32", 1000, contenders=_FEW),
    Choice("reference", "bfloat16", 64, contenders=(*_FEW, "loop")),
    Choice("reference", "bfloat16", 200, contenders=(*_FEW, "loop")),
    Choice("reference", "float32", 200, "two", ("tree", "padded", "trl"), 3),
    Choice("reference", "float32", 200, "turns", ("tree", "padded", "trl"), 3),
    Choice("pocket", "float32", 200, rounds=3),
    Choice("pocket", "bfloat16", 200, rounds=3),
    Choice("pocket", "float32", 64, long=True),
    Choice("pocket", "float32", 600, long=True),
    Choice("pocket", "float32", 1000, contenders=_FEW, long=True),
    Choice("reference", "bfloat16", 600, contenders=_FEW, long=True),
    Choice("reference", "bfloat16", 1000, contenders=_FEW, long=True),
    Choice("qwen05", "float32", 200, contenders=_FEW, rounds=2, long=True),
    Choice("qwen05", "bfloat16", 200, contenders=_FEW, rounds=2, long=True),
    Choice("qwen05", "bfloat16", 600, contenders=_FEW, rounds=2, long=True),
)
"""`make bench` makes those that are not long."""


def run_all(choices: Sequence[Choice], *, threads: int, steps: int | None, clock: str, patience: int) -> int:
    """Make the tables one after the other; 1 where contenders of one computed different losses, else 0."""
    found = machine()
    print(f"{line_of(found)}\n", flush=True)
    different = False
    with tempfile.TemporaryDirectory() as work:
        for number, choice in enumerate(choices):
            began = time.perf_counter()
            model = make_folder(choice.model, Path(work))
            config = AutoConfig.from_pretrained(model)
            case = Case(
                choice.model,
                choice.dtype,
                choice.prefix,
                choice.openings,
                _RANKS[choice.model],
                threads,
                config.vocab_size,
            )
            folder = Path(work) / str(number)
            names = choice.contenders or _EVERYONE
            a_turn = steps or _STEPS[choice.model]
            first = [factory(case, model, folder, 3)] if os.environ.get(VARIABLE) else []
            options = {"rounds": choice.rounds, "steps": a_turn}
            outcomes, disturbed = race(case, names, model, folder, **options, clock=clock, patience=patience)
            result = result_of(case, [*first, *outcomes], config)
            print("\n".join(lines_of(result)), flush=True)
            print(
                f"  medians of {choice.rounds} rounds of {a_turn} steps each, {clock} clock; other programs disturbed "
                f"{disturbed} rounds; {time.perf_counter() - began:.0f} s in all\n",
                flush=True,
            )
            different |= bool(result["different"])
            _write(result | {"machine": found, "clock": clock, "disturbed_rounds": disturbed} | options, case)
    return int(different)


def _write(result: dict[str, object], case: Case) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    name = f"training-{case.model}-{case.dtype}-{case.openings}-{case.prefix}.json"
    (RESULTS / name).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
