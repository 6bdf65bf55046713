"""Tables of training speed beside other trainers, or one table of your choice; see tests/bench/README.md."""

import argparse
import sys

from tests.bench.training.contenders import CONTENDERS
from tests.bench.training.run import CASES, Choice, run_all
from tests.bench.training.shapes import MODELS


def main() -> int:
    """Exit status 1 where contenders computed different losses."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.training", description=__doc__)
    parser.add_argument("--all", action="store_true", help="every table, the one shaped like Qwen2.5-0.5B included")
    parser.add_argument("--model", choices=MODELS, help="one table on this model instead")
    parser.add_argument("--prefix", type=int, nargs="+", default=[200], help="tokens of the prefix")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--openings", choices=["one", "two", "turns"], default="one")
    parser.add_argument("--contenders", nargs="+", choices=list(CONTENDERS), help="who takes part")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contender")
    parser.add_argument("--steps", type=int, help="optimizer steps a turn")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    parser.add_argument(
        "--clock", choices=["wall", "cpu"], default="wall", help="cpu: seconds of its threads, over their number"
    )
    parser.add_argument("--patience", type=int, default=5, help="disturbed rounds that are taken again")
    args = parser.parse_args()
    if args.model:
        choices = [
            Choice(args.model, args.dtype, prefix, args.openings, tuple(args.contenders or ()), args.rounds)
            for prefix in args.prefix
        ]
    else:
        choices = [choice for choice in CASES if args.all or not choice.long]
    return run_all(choices, threads=args.threads, steps=args.steps, clock=args.clock, patience=args.patience)


if __name__ == "__main__":
    sys.exit(main())
