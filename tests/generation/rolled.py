"""Replies of a Rolling as its readers hear them, and what the engine answers by itself."""

import queue
from collections.abc import Iterator
from contextlib import contextmanager

from roleplay.generation.engine import Engine
from roleplay.generation.events import Event, Finished, Piece
from roleplay.generation.lanes import LANES, Lane
from roleplay.generation.reply import Reply
from roleplay.generation.rolling import Rolling
from roleplay.generation.settings import Sampling

ALL = list(LANES.values())
PROMPTS = [[1, 40, 41, 45], [1, 40, 41, 42, 43, 44, 45], [1, 50, 45], [1, 60, 61, 62, 45]]
GREEDY = Sampling(temperature=0, max_new_tokens=24)
PATIENCE = 30.0


class Reader:
    """Hears one reply."""

    def __init__(self) -> None:
        self.heard: queue.Queue[Event | BaseException] = queue.Queue()
        self.pieces: list[Piece] = []

    def next(self) -> Event | BaseException:
        return self.heard.get(timeout=PATIENCE)

    def end(self) -> Finished:
        """The last event; raises what stopped the model."""
        while True:
            event = self.next()
            if isinstance(event, BaseException):
                raise event
            if isinstance(event, Finished):
                assert self.heard.empty(), "nothing follows the end"
                return event
            self.pieces.append(event)


def ask(rolling: Rolling, lane: Lane, sampling: Sampling = GREEDY, said: int = 0) -> tuple[Reply, Reader]:
    reader = Reader()
    prompt = PROMPTS[ALL.index(lane)]
    [reply] = rolling.ask(lane, prompt, [sampling], [reader.heard.put], said)
    return reply, reader


@contextmanager
def rolled(engine: Engine, rows: int = 8, waiting: int = 8) -> Iterator[Rolling]:
    rolling = Rolling(engine, rows=rows, waiting=waiting)
    try:
        yield rolling
    finally:
        rolling.close()
        assert not rolling.alive


def alone(engine: Engine, lane: Lane, sampling: Sampling, said: int = 0) -> Finished:
    """What the engine answers by itself."""
    fresh = Engine(engine.base, engine.tuned, engine.end_ids)
    *_, last = fresh.stream([lane], [PROMPTS[ALL.index(lane)]], sampling, said=[said])
    assert isinstance(last, Finished)
    return last


def same(one: Finished, other: Finished) -> bool:
    return (one.text, one.tokens, one.stopped) == (other.text, other.tokens, other.stopped)
