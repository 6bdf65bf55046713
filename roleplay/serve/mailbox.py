"""From the thread that computes to the event loop: all that one step says wakes the loop once."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any


class Mailbox:
    """Calls that wait for the event loop, in their order."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._lock = threading.Lock()
        self._waiting: list[tuple[Callable[[Any], object], Any]] = []

    def post(self, take: Callable[[Any], object], value: Any) -> None:
        """Have the loop call `take(value)`; from any thread."""
        with self._lock:
            self._waiting.append((take, value))
            first = len(self._waiting) == 1
        if first:
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is left to hear it
                self.loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for take, value in waiting:
            take(value)
