"""Jobs of one thread are done in turn, and an error in one is that of no other."""

import queue
import threading

import pytest

from roleplay.generation.one_thread import one_thread, own_graphs

PATIENCE = 10.0


def test_jobs_are_done_in_turn_in_one_thread_that_is_not_this_one() -> None:
    done: list[tuple[int, threading.Thread]] = []
    jobs = [one_thread(lambda n=n: done.append((n, threading.current_thread()))) for n in range(3)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert [n for n, _ in done] == [0, 1, 2]
    [thread] = {thread for _, thread in done}
    assert thread is not threading.current_thread()
    assert thread.daemon, "a program may end while it works"


def test_a_job_is_alive_from_its_start_to_its_end_and_can_be_waited_for() -> None:
    go: queue.Queue[None] = queue.Queue()
    job = one_thread(lambda: go.get(timeout=PATIENCE))
    assert not job.is_alive()
    job.start()
    assert job.is_alive()
    waiting = threading.Thread(target=job.join)
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    go.put(None)
    waiting.join(PATIENCE)
    assert not waiting.is_alive()
    assert not job.is_alive()


def test_after_a_job_that_fails_the_next_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda failed: told.append(failed.exc_type))
    failing, done = one_thread(lambda: 1 / 0), threading.Event()
    failing.start()
    failing.join()
    one_thread(done.set).start()
    assert done.wait(PATIENCE)
    assert told == [ZeroDivisionError]


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
def test_it_may_record_graphs_though_torch_heard_of_them_elsewhere_first() -> None:
    from torch._inductor import cudagraph_trees  # as `torch._dynamo.reset` does, in this thread

    found: list[object] = []

    def work() -> None:
        own_graphs()
        own_graphs()
        found.append(cudagraph_trees.local.tree_manager_containers)
        found.append(cudagraph_trees.local.tree_manager_locks[0])
        found.append(cudagraph_trees.get_obj(cudagraph_trees.local, "tree_manager_containers"))

    job = one_thread(work)
    job.start()
    job.join()
    containers, lock, gotten = found
    assert containers == {}
    assert gotten is containers
    assert isinstance(lock, type(threading.Lock()))
    assert containers is not cudagraph_trees.get_obj(cudagraph_trees.local, "tree_manager_containers")
