"""Who answers in the tests of the screens: it says what it is told to, and waits where it is told to."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from roleplay.cards.model import Card, Prefix
from roleplay.chat.inspection import LookUp, Sent, SentPart, Weigh, Weighed, WeighedToken
from roleplay.chat.question import Ask, Asked, Heard, Question, Unanswered
from roleplay.chat.wire import Ready, Stage
from roleplay.errors import BaseModelError, RoleplayError
from roleplay.generation.events import Cancel, Finished, Piece

_LOOK = 0.005
"""Seconds between looks at whether waiting has become pointless."""


class Gate:
    """A place where loading or a reply waits until the test opens it, or nobody wants it any more."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        """Set when something waits here."""
        self.opened = threading.Event()

    def open(self) -> None:
        self.opened.set()

    def wait(self, given_up: Callable[[], bool]) -> None:
        self.reached.set()
        while not self.opened.wait(_LOOK) and not given_up():
            pass


@dataclass(frozen=True)
class Reply:
    """What is said to one question; lanes after the first say it in capitals."""

    pieces: Sequence[str | Gate]
    """As they come."""
    error: RoleplayError | None = None
    """Raised where the end would be."""
    deaf: bool = False
    """Whether it goes on to its end when it is stopped, as a model in the midst of a long step does."""
    lost: Mapping[str, str] = field(default_factory=dict)
    """Lanes that do not answer, and what they tell instead."""
    left_out: int = 0
    """First turn that was sent."""


Load = Sequence[Stage | Gate | RoleplayError]
"""One attempt to load: what is told, where it waits, and whether it fails."""


class Script:
    """Stands where `roleplay.chat.process.AnswerProcess` does, and keeps to its ways."""

    def __init__(self, *replies: Reply | str, ready: Ready, loads: Sequence[Load] = ()) -> None:
        self.replies = [Reply([reply]) if isinstance(reply, str) else reply for reply in replies]
        self.loads = list(loads)
        self.at_hand = ready
        self.ready: Ready | None = None
        self.tell: Callable[[Stage], object] = lambda stage: None
        self.questions: list[Question] = []
        """Everything asked, in order."""
        self.closed = threading.Event()
        self._turn = threading.Lock()

    def load(self, cancel: Cancel | None = None) -> Ready | None:
        if not self._take_turn(cancel):
            return None
        try:
            return self._loaded()
        finally:
            self._turn.release()

    def answer(self, question: Question, cancel: Cancel | None = None) -> Iterator[Heard]:
        cancel = cancel or Cancel()
        if not self._take_turn(cancel):
            return
        try:
            self._loaded()
            yield from self._reply(question, cancel)
        finally:
            self._turn.release()

    def look(self, request: LookUp | Weigh) -> list[Sent | Weighed]:
        """As the process does: each letter is a token, likelier with the adapter where it is no blank."""
        self._loaded()
        if isinstance(request, Weigh):
            weighed = (WeighedToken(one, -0.5, -0.5 if one == " " else -4.0) for one in request.reply)
            return [Weighed(tuple(weighed))]
        return [_sent(ask) for ask in request.question.asks]

    def close(self) -> None:
        self.closed.set()

    def _take_turn(self, cancel: Cancel | None) -> bool:
        while not self._turn.acquire(timeout=_LOOK):
            if self.closed.is_set() or (cancel is not None and cancel.all):
                return False
        return True

    def _loaded(self) -> Ready:
        if self.ready is None:
            for step in self.loads.pop(0) if self.loads else ():
                if isinstance(step, Stage):
                    self.tell(step)
                elif isinstance(step, Gate):
                    step.wait(self.closed.is_set)
                else:
                    raise step
            if self.closed.is_set():
                raise BaseModelError("the chat is closed")
            self.ready = self.at_hand
        return self.ready

    def _reply(self, question: Question, cancel: Cancel) -> Iterator[Heard]:
        self.questions.append(question)
        if not self.replies:
            raise BaseModelError("the script has come to its end")
        reply, said = self.replies.pop(0), ""
        lanes = [ask.lane for ask in question.asks if ask.lane.name not in reply.lost]
        for ask in question.asks:
            if ask.lane in lanes:
                yield Asked(ask.lane, ask.prefixes, max(ask.start, reply.left_out), (1,) * 100)
            else:
                yield Unanswered(ask.lane, reply.lost[ask.lane.name])
        for i, piece in enumerate(reply.pieces, 1):
            if isinstance(piece, Gate):
                piece.wait(lambda: (cancel.all and not reply.deaf) or self.closed.is_set())
            if (cancel.all and not reply.deaf) or self.closed.is_set():
                break
            if isinstance(piece, str):
                said += piece
                for number, lane in enumerate(lanes):
                    yield Piece(lane, piece.upper() if number else piece, i, i / 8)
        if self.closed.is_set():
            raise BaseModelError("the chat is closed")
        if reply.error is not None and not cancel.all:
            raise reply.error
        before = question.asks[0].said
        for number, lane in enumerate(lanes):
            stopped = "cancelled" if cancel.all else "end"
            yield Finished(lane, before + (said.upper() if number else said), len(reply.pieces) + 1, stopped, 1.0)


def _sent(ask: Ask) -> Sent:
    heads = [SentPart(f"prefix {name}", len(name) + 2) for name in ask.prefixes]
    history = "".join(turn.text for turn in ask.turns)
    text = "".join([*(f"<{name}>" for name in ask.prefixes), history])
    ids, parts = tuple(range(1000, 1000 + len(text))), (*heads, SentPart("history", len(history)))
    return Sent(ask.lane, text, ids, tuple(text), parts, ask.start, 512 - len(ids))


def able(card: Card, adapter: str | None = "mira/first@30", notice: str = "", extra: Sequence[Prefix] = ()) -> Ready:
    """What loading comes to; `extra` are switches that the base brings."""
    return Ready("harbour", "harbour@1", 512, adapter, notice, (*extra, *card.prefixes))
