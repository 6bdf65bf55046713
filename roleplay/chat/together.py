"""Several who answer at once, heard as one: each tells in a thread of its own."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence

from roleplay.chat.question import Heard
from roleplay.generation.events import Cancel
from roleplay.generation.lanes import Lane

Tell = Callable[[Heard], object]
"""Passes on what was heard."""
Teller = Callable[[Tell, Cancel], object]
"""Tells all it hears, then returns; it may stop its own switch when it is done."""


def together(tellers: Sequence[Teller], cancel: Cancel) -> Iterator[Heard]:
    """What all of them tell; the first error is raised when all have ended. Closing the iterator stops everybody."""
    heard: queue.SimpleQueue[Heard | BaseException | None] = queue.SimpleQueue()
    switches = [Cancel() for _ in tellers]

    def stop(lane: Lane | None) -> None:
        for switch in switches:
            switch.stop(lane)

    def run(teller: Teller, switch: Cancel) -> None:
        try:
            teller(heard.put, switch)
        except BaseException as error:  # raised where the replies are heard
            heard.put(error)
        finally:
            heard.put(None)

    cancel.listener = stop
    for lane in [None] if cancel.all else list(cancel.lanes):  # what came before anybody listened
        stop(lane)
    for teller, switch in zip(tellers, switches, strict=True):
        threading.Thread(target=run, args=(teller, switch), daemon=True).start()
    talking, failed = len(tellers), None
    try:
        while talking:
            one = heard.get()
            if one is None:
                talking -= 1
            elif isinstance(one, BaseException):
                failed = failed or one
            else:
                yield one
    finally:
        cancel.listener = None
        if talking:  # whoever listened left
            stop(None)
    if failed is not None:
        raise failed
