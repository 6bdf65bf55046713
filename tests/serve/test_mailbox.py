"""What a thread posts arrives in the event loop: all of it, in order, waking the loop once a heap."""

import asyncio
import threading

from roleplay.serve.mailbox import Mailbox


class Counted(Mailbox):
    woken = 0

    def _deliver(self) -> None:
        self.woken += 1
        super()._deliver()


def test_all_arrives_in_order_and_wakes_the_loop_once_for_what_was_posted_meanwhile() -> None:
    async def run() -> tuple[list[int], int]:
        mailbox, taken = Counted(asyncio.get_running_loop()), list[int]()
        thread = threading.Thread(target=lambda: [mailbox.post(taken.append, n) for n in range(100)])
        thread.start()
        thread.join()  # the loop is held here, so that nothing is delivered yet
        await asyncio.sleep(0)
        mailbox.post(taken.append, 100)
        await asyncio.sleep(0)
        return taken, mailbox.woken

    assert asyncio.run(run()) == (list(range(101)), 2)


def test_of_several_threads_nothing_is_lost() -> None:
    async def run() -> list[tuple[int, int]]:
        mailbox, taken = Mailbox(asyncio.get_running_loop()), list[tuple[int, int]]()

        def post(name: int) -> None:
            for n in range(500):
                mailbox.post(taken.append, (name, n))

        threads = [threading.Thread(target=post, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads) or len(taken) < 2000:
            await asyncio.sleep(0.001)
        return taken

    taken = asyncio.run(asyncio.wait_for(run(), 30))
    for name in range(4):
        assert [n for who, n in taken if who == name] == list(range(500))


def test_posting_to_a_loop_that_has_ended_is_no_error() -> None:
    async def made() -> Mailbox:
        return Mailbox(asyncio.get_running_loop())

    asyncio.run(made()).post(print, "nobody hears it")
