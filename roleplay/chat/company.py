"""Everyone who answers one question: the base here, and models of other programs beside it."""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from roleplay.cards.model import Card
from roleplay.chat.question import Answers, Ask, Heard, Question, Unanswered
from roleplay.chat.remotes import Remote
from roleplay.generation.events import Cancel
from roleplay.generation.lanes import Lane

if TYPE_CHECKING:
    from roleplay.chat.remote import RemoteModel

_LOOK = 0.05
"""Seconds between looks at whether a lane is to stop."""

Tell = Callable[[Heard], object]
"""Passes on what was heard."""
Teller = Callable[[Tell, Cancel], object]
"""Tells all it hears, then returns; it may stop its own switch when it is done."""


class Company:
    """Splits a question among those who answer, and lets their replies stream together."""

    def __init__(self, local: Answers, card: Card, remotes: Sequence[Remote] = ()) -> None:
        self.local, self.card, self.remotes = local, card, list(remotes)
        self._models: dict[Remote, RemoteModel] = {}

    @property
    def lanes(self) -> list[Lane]:
        """The lanes of other programs' models."""
        return [remote.lane for remote in self.remotes]

    def answer(self, question: Question, cancel: Cancel | None = None) -> Iterator[Heard]:
        """Stream the replies. Closing the iterator cancels. Raises RoleplayError where the base here fails.

        Then the others have their say first: what they answered is not lost.
        """
        here = tuple(ask for ask in question.asks if not ask.lane.model)
        away = [ask for ask in question.asks if ask.lane.model]
        if not away:
            yield from self.local.answer(question, cancel)
            return
        tellers: list[Teller] = [self._afar(away, question)]
        if here:
            tellers.append(self._here(replace(question, asks=here)))
        yield from _together(tellers, cancel or Cancel())

    def _here(self, question: Question) -> Teller:
        def teller(tell: Tell, cancel: Cancel) -> None:
            for heard in self.local.answer(question, cancel):
                tell(heard)

        return teller

    def _afar(self, asks: list[Ask], question: Question) -> Teller:
        def teller(tell: Tell, cancel: Cancel) -> None:
            loop = asyncio.new_event_loop()
            try:
                loop.run_until_complete(self._ask_all(asks, question, cancel, tell))
                loop.run_until_complete(loop.shutdown_asyncgens())
            finally:
                loop.close()  # a name that is still being looked up is not waited for

        return teller

    async def _ask_all(self, asks: list[Ask], question: Question, cancel: Cancel, tell: Tell) -> None:
        """Let the models of other programs answer at once; each is stopped as soon as `cancel` says so."""
        answering = {asyncio.ensure_future(self._ask_one(ask, question, tell)): ask.lane for ask in asks}
        stopped: set[Lane] = set()
        while waiting := [task for task in answering if not task.done()]:
            await asyncio.wait(waiting, timeout=_LOOK)
            for task in waiting:
                if cancel.holds(answering[task]) and answering[task] not in stopped:
                    stopped.add(answering[task])  # hanging up is not to be interrupted by a second stop
                    task.cancel()
        for task in answering:
            if not task.cancelled():
                task.result()

    async def _ask_one(self, ask: Ask, question: Question, tell: Tell) -> None:
        from roleplay.chat.remote import RemoteModel

        remote = next((remote for remote in self.remotes if remote.lane == ask.lane), None)
        if remote is None:
            tell(Unanswered(ask.lane, f"nobody knows where {ask.lane.model} is; name its server with --beside"))
            return
        model = self._models.setdefault(remote, RemoteModel(remote))
        await model.answer(ask, question.card or self.card, question.sampling, tell)


def _together(tellers: Sequence[Teller], cancel: Cancel) -> Iterator[Heard]:
    """What all of them tell, each in a thread of its own; the first error is raised when all have ended."""
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
