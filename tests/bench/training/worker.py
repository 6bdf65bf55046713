"""A contender in a process of its own, so that its memory can be told: `python -m tests.bench.training.worker`."""

import json
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bench.training.case import Case
    from tests.bench.training.contenders import Ready


def main() -> None:
    """Arguments: contender, case as JSON, folder of the model, folder for its gradient, steps at most."""
    name, case_text, model, folder, steps = sys.argv[1:]
    # The libraries print to stdout: what they say must not get between the gate's lines.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    warnings.filterwarnings("ignore")

    from tests.bench.training.case import Case, samples_of
    from tests.bench.training.contenders import CONTENDERS
    from tests.bench.training.gate import ProcessGate

    case = Case(**json.loads(case_text))
    gate = ProcessGate(out, Path(folder))
    ready = _load(case, model)
    gate.loaded()
    CONTENDERS[name](ready, samples_of(case, int(steps)), gate)
    gate.end()


def _load(case: "Case", folder: str) -> "Ready":
    """The base as the project loads it, and an adapter on it."""
    import torch

    from roleplay.models.base import load_base
    from roleplay.models.spec import parse_spec
    from tests.bench.training.contenders import Ready, attach_first

    torch.set_num_threads(case.threads)
    base = load_base(parse_spec(folder), dtype=getattr(torch, case.dtype), device="cpu")
    return Ready(base, attach_first(base, case.rank), "cpu", case.dtype, case.rank)


if __name__ == "__main__":
    main()
