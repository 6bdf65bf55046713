"""Run every benchmark: `python -m tests.bench`."""

from tests.bench.startup import help_against_bare_python

if __name__ == "__main__":
    help_against_bare_python()
