"""Tables that need a GPU, each by one command; with `--device cpu` and tiny shapes they can be tried without one."""

import argparse
import importlib
import sys

import torch

from tests.bench.gpu.device import Options
from tests.bench.gpu.shapes import SHAPES

PARTS = ("training", "founding", "exact", "lanes")


def main(arguments: list[str] | None = None) -> int:
    """Make the tables of the parts, one after the other; `docs` writes those that were made into the docs."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gpu", description=__doc__)
    parser.add_argument("parts", nargs="+", choices=[*PARTS, "docs"], metavar="PART", help=", ".join([*PARTS, "docs"]))
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda", help="cpu: to try a part at small size")
    parser.add_argument("--shapes", nargs="+", choices=list(SHAPES), default=[], help="instead of the part's own")
    parser.add_argument("--prefix", nargs="+", type=int, default=[], help="tokens of the prefix")
    parser.add_argument("--only", nargs="+", default=[], help="rows of these names alone")
    parser.add_argument("--quick", action="store_true", help="the fewest steps: shows that a part works")
    args = parser.parse_args(arguments)
    options = Options(args.device, tuple(args.shapes), tuple(args.prefix), tuple(args.only), args.quick)
    if args.parts != ["docs"] and args.device == "cuda" and not torch.cuda.is_available():
        parser.error("torch sees no GPU; '--device cpu --shapes tiny --quick' tries a part without one")
    for part in args.parts:
        # Each is imported when its turn comes: a fault in one does not keep the others from being made.
        module = importlib.import_module(f"tests.bench.gpu.{'tables' if part == 'docs' else part}")
        module.run(options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
