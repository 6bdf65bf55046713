"""Errands to servers, under way at once in one thread, each of which can be called off."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

_LOOK = 0.05
"""Seconds between looks at whether an errand is called off."""

Errand = tuple[Coroutine[Any, Any, object], Callable[[], bool]]
"""What is to be done, and whether it is called off: then it is cancelled."""


def attend(errands: Sequence[Errand]) -> None:
    """Run them to their ends; what one of them raises is raised when all have ended."""
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(_attend(errands))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()  # a name that is still being looked up is not waited for


async def _attend(errands: Sequence[Errand]) -> None:
    under_way = {asyncio.ensure_future(errand): is_off for errand, is_off in errands}
    stopped: set[asyncio.Task[object]] = set()
    while waiting := [task for task in under_way if not task.done()]:
        await asyncio.wait(waiting, timeout=_LOOK)
        for task in waiting:
            if under_way[task]() and task not in stopped:
                stopped.add(task)  # hanging up is not to be interrupted by a second stop
                task.cancel()
    for task in under_way:
        if not task.cancelled():
            task.result()
