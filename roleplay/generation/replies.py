"""Many prompts answered in one batch, whole replies instead of pieces."""

import contextlib
from collections.abc import Sequence

from roleplay.generation.engine import Engine
from roleplay.generation.events import Cancel, Finished
from roleplay.generation.lanes import Lane
from roleplay.generation.settings import Sampling


def reply_to(
    engine: Engine,
    lanes: Sequence[Lane],
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    cancel: Cancel | None = None,
) -> list[Finished]:
    """One reply a prompt, in their order; lanes may come more than once. Raises ContextFull as `stream` does.

    Each row of a batch has the room that the longest prompt leaves.
    """
    found: dict[int, Finished] = {}
    # Closed whatever comes, Ctrl-C between two events too: nothing generates behind a program that ends.
    with contextlib.closing(engine.stream(lanes, prompts, sampling, cancel)) as events:
        for event in events:
            if isinstance(event, Finished):
                found[event.row] = event
    return [found[row] for row in range(len(prompts))]
