"""One thread of the process that does all jobs given to it, in turn.

Recorded CUDA graphs belong to the thread that recorded them: in another, torch 2.11 fails and torch 2.13 records anew
(issue 123177 of pytorch/pytorch).
"""

import functools
import queue
import sys
import threading
from collections import defaultdict
from collections.abc import Callable


class Job:
    """A piece of work; to whoever waits for it, it is like a `threading.Thread` of its own."""

    def __init__(self, jobs: "queue.SimpleQueue[Job]", work: Callable[[], None]) -> None:
        self._jobs, self.work = jobs, work
        self._started, self.done = False, threading.Event()

    def start(self) -> None:
        """Do it when those before it are done."""
        self._started = True
        self._jobs.put(self)

    def is_alive(self) -> bool:
        """Whether it was started and is not done."""
        return self._started and not self.done.is_set()

    def join(self) -> None:
        """Wait until it is done."""
        self.done.wait()


def one_thread(work: Callable[[], None]) -> Job:
    """A job for that thread, not yet started."""
    return Job(_jobs(), work)


def own_graphs() -> None:
    """Let the thread that calls record CUDA graphs, even where torch first heard of them in another.

    torch 2.11 lets only the thread do so that imported this module; `torch._dynamo.reset` is enough to import it.
    """
    from torch._inductor import cudagraph_trees

    local = cudagraph_trees.local
    if not hasattr(local, "tree_manager_containers"):
        local.tree_manager_containers = {}
        local.tree_manager_locks = defaultdict(threading.Lock)


@functools.cache
def _jobs() -> "queue.SimpleQueue[Job]":
    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
    threading.Thread(target=_do, args=(jobs,), name="one-thread", daemon=True).start()
    return jobs


def _do(jobs: "queue.SimpleQueue[Job]") -> None:
    while True:
        job = jobs.get()
        try:
            job.work()
        except BaseException:  # told as that of a thread of its own; the next job is done all the same
            threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))
        job.done.set()
        del job  # else what it worked on stays in memory until the next comes
