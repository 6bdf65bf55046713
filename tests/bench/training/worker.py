"""A contender in a process of its own, so that its memory can be told: `python -m tests.bench.training.worker`."""

import json
import os
import sys
import warnings
from pathlib import Path


def main() -> None:
    """Arguments: contender, case as JSON, folder of the model, folder for its gradient, steps at most."""
    name, case_text, model, folder, steps = sys.argv[1:]
    # The libraries print to stdout: what they say must not get between the gate's lines.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    warnings.filterwarnings("ignore")

    from tests.bench.training.case import Case, samples_of
    from tests.bench.training.contenders import CONTENDERS
    from tests.bench.training.gate import Gate

    case = Case(**json.loads(case_text))
    gate = Gate(out, Path(folder))
    CONTENDERS[name](case, model, samples_of(case, int(steps)), gate)
    gate.end()


if __name__ == "__main__":
    main()
