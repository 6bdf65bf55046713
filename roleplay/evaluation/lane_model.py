"""The model as a lane has it, for those who measure it without generating."""

import contextlib
from collections.abc import Iterator
from typing import Any

from roleplay.generation.engine import Engine
from roleplay.generation.lanes import Lane
from roleplay.models.adapter import PERSONA
from roleplay.models.rows import BARE


@contextlib.contextmanager
def as_lane(engine: Engine, lane: Lane) -> Iterator[Any]:
    """Within it the adapter of `lane` is the active one, or none is. Raises BaseModelError for one not attached."""
    [(name, _)] = engine.adapters.weights([lane], engine.chosen, 1.0)
    tuned = engine.tuned
    if tuned is None:
        yield engine.base.model
    elif name == BARE:
        with tuned.disable_adapter():
            yield tuned
    else:
        tuned.set_adapter(name)
        try:
            yield tuned
        finally:
            tuned.set_adapter(PERSONA)
