"""A character behind a server that speaks the OpenAI chat API: it stands where a process of this machine would."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from roleplay.cards.model import Card
from roleplay.chat.afar import recalled_afar
from roleplay.chat.errands import Errand, attend
from roleplay.chat.inspection import LookUp, Sent, Weigh, Weighed
from roleplay.chat.question import Heard, Question, Unanswered
from roleplay.chat.remotes import Remote, shown_url
from roleplay.chat.together import Tell, together
from roleplay.chat.wire import Ready, Stage
from roleplay.errors import ServerError, UsageError
from roleplay.generation.events import Cancel
from roleplay.generation.lanes import Lane
from roleplay.text import one_line

if TYPE_CHECKING:
    from roleplay.chat.lineup import Lineup
    from roleplay.chat.remote import RemoteModel

_LOOK = 0.05
"""Seconds between looks at whether waiting has become pointless."""
_NO_BASE = "an unknown base"


class Backend:
    """A character on a server, whose models are looked up when it is first needed, and again after a failure.

    Each lane is a request of its own; the active prefixes are put in front here, as for `--beside`.
    """

    def __init__(self, url: str, card: Card, books: Path | None = None) -> None:
        """`books` is the character's index on this machine, there or not; without one nothing comes to mind."""
        self.url, self.card, self.books = url, card, books
        self.tell: Callable[[Stage], object] = lambda stage: None
        """Told what is being waited for."""
        self.ready: Ready | None = None
        """What the server has; `None` while that is not known."""
        self._turn = threading.Lock()
        self._lineup: Lineup | None = None
        self._models: dict[tuple[Lane, Remote], RemoteModel] = {}
        self._failed = self._closed = False

    @property
    def name(self) -> str:
        """The server as it may be shown."""
        return shown_url(self.url)

    @property
    def adapter(self) -> str | None:
        """What answers with the adapter, as a label; `None` where the base answers alone, or before it is known."""
        return None if self.ready is None else self.ready.adapter

    @property
    def notice(self) -> str:
        """What the person should know; else empty."""
        return "" if self.ready is None else self.ready.notice

    def load(self, cancel: Cancel | None = None) -> Ready | None:
        """Look up who answers, unless that is known; `None` where `cancel` or `close` came first.

        Raises ServerError where the server cannot be asked, or does not have the character.
        """

        def is_off() -> bool:
            return self._closed or (cancel is not None and cancel.all)

        while not self._turn.acquire(timeout=_LOOK):
            if is_off():
                return None
        try:
            if self.ready is None or self._failed:
                lineup = self._looked_up(is_off)
                if lineup is None:
                    return None
                self._lineup, self.ready, self._failed = lineup, self._made_ready(lineup), False
            return self.ready
        finally:
            self._turn.release()

    def answer(self, question: Question, cancel: Cancel | None = None) -> Iterator[Heard]:
        """Stream the replies; nothing where `cancel` came first. Closing the iterator hangs up.

        Raises UsageError for what a server cannot do, and ServerError where the first lane cannot answer: the others
        have had their say then.
        """
        check_whole(question.strength, question.adapter)
        for ask in question.asks:
            check_whole(1.0, ask.lane.which)
        cancel = cancel or Cancel()
        if self.load(cancel) is None:
            return
        problem = ""
        for heard in together([partial(self._ask, question)], cancel):
            if isinstance(heard, Unanswered):
                self._failed = True
                if heard.lane == question.asks[0].lane:
                    problem = heard.problem
                    continue
            yield heard
        if problem:
            raise ServerError(problem)

    def look(self, request: LookUp | Weigh) -> list[Sent | Weighed]:
        """Raises UsageError: a server tells nothing of that."""
        if isinstance(request, Weigh):
            raise UsageError(f"{self.name} does not tell how likely each token is; without --backend they are weighed")
        raise UsageError(f"{self.name} does not tell the tokens it makes of a chat; without --backend they are shown")

    def close(self) -> None:
        """Wait no more."""
        self._closed = True

    def _looked_up(self, is_off: Callable[[], bool]) -> "Lineup | None":
        self.tell(Stage(f"asking {one_line(self.name)}", 0, 1))
        from roleplay.chat.lineup import Listed, line_up, list_models

        found: list[list[Listed]] = []

        async def find() -> None:
            found.append(await list_models(self.url))

        attend([(find(), is_off)])
        return line_up(self.card.name, found[0], self.name) if found else None

    def _made_ready(self, lineup: "Lineup") -> Ready:
        base, adapter, notice = lineup.base or _NO_BASE, f"{self.card.name} at {self.name}", ""
        if lineup.persona is None:
            notice = f"{adapter} has no adapter. The base answers with the prefix alone"
        return Ready(
            base=base,
            identity=f"{base} at {self.name}",
            context=lineup.context,
            adapter=adapter if lineup.persona is not None else None,
            notice=notice,
            prefixes=self.card.switches,
            has_base=lineup.base is not None,
        )

    def _ask(self, question: Question, tell: Tell, cancel: Cancel) -> None:
        """Tell what every lane says."""
        errands: list[Errand] = []
        for ask in question.asks:
            model = self._model(ask.lane)
            if model is None:
                who = "adapter of this character" if ask.lane.adapter else "base that answers without the adapter"
                tell(Unanswered(ask.lane, f"{self.name} has no {who}; choose another lane"))
                continue
            card, context = question.card or self.card, None if self.ready is None else self.ready.context
            recalled = recalled_afar(card, self.books, question, ask, context)
            reply = model.answer(ask, card, question.sampling, tell, recalled)
            errands.append((reply, partial(cancel.holds, ask.lane)))
        attend(errands)

    def _model(self, lane: Lane) -> "RemoteModel | None":
        """Who answers in a lane. Each lane has its own, since they are asked at once and remember what was refused."""
        from roleplay.chat.remote import RemoteModel

        lineup = self._lineup
        model = None if lineup is None else lineup.persona if lane.adapter else lineup.base
        if model is None:
            return None
        remote = Remote(model, self.url)
        return self._models.setdefault((lane, remote), RemoteModel(remote, beyond=True))


def check_whole(strength: float, adapter: str) -> None:
    """Raises UsageError for another strength than 1, and for another adapter than the one that a server has."""
    if strength != 1:
        raise UsageError(
            f"a server answers with the adapter as it was trained, not at {strength:.0%}; "
            "/strength 100 goes back, and without --backend the dial turns"
        )
    if adapter:
        raise UsageError(
            f"a server answers with the adapter it was started with, not with '{one_line(adapter)}'; "
            "/adapter card goes back, and without --backend others can be chosen"
        )
