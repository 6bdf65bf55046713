"""The adapter that a run by choices began with: TRL keeps it on the same base, beside the one that learns."""

import contextlib
from collections.abc import Iterator
from typing import Any

LEARNING = "default"
"""Name of the adapter that learns, as peft calls it."""
REFERENCE = "ref"
"""Name of its copy from the start, as TRL calls it."""


@contextlib.contextmanager
def as_reference(tuned: Any) -> Iterator[None]:
    """Within it `tuned` is what it was before the first step."""
    tuned.set_adapter(REFERENCE)
    try:
        yield
    finally:
        tuned.set_adapter(LEARNING)
