"""The replies to one request while they are made: pieces in the order in which they come, each cut at its stops."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from roleplay.dataset.unit import history
from roleplay.errors import Busy, ContextFull
from roleplay.generation.events import Event, Finished, Piece
from roleplay.generation.reply import Reply, Tell
from roleplay.serve.mailbox import Mailbox
from roleplay.serve.model import Model, context_full
from roleplay.serve.refusal import Refusal
from roleplay.serve.stops import StopText
from roleplay.serve.turns import read_turns
from roleplay.serve.wire import ChatRequest

_SEEDS = 2**31
_REASONS = {"end": "stop", "length": "length"}


@dataclass(frozen=True)
class Said:
    """What one of the replies has just said."""

    choice: int
    """Which, from 0."""
    text: str
    """May be empty where it ends."""
    tokens: int
    """Tokens so far."""
    reason: str | None = None
    """`stop` or `length` where it has ended."""


class Answer:
    """The replies to one request. Whoever leaves calls `leave`: nobody computes for nobody."""

    def __init__(self, model: Model, mailbox: Mailbox) -> None:
        self.model, self.mailbox = model, mailbox
        self.prompt_tokens = 0
        """Tokens that were sent."""
        self.left_out = 0
        """Turns at the beginning that the context had no room for."""
        self.tokens: list[int] = []
        """Tokens of each reply so far."""
        self._events: asyncio.Queue[tuple[int, Event | BaseException]] = asyncio.Queue()
        self._replies: list[Reply] = []
        self._left = False

    def ask(self, request: ChatRequest) -> None:
        """Render and begin; blocks, and belongs into a thread. Raises Refusal."""
        turns, said = read_turns(request.messages)
        seed = secrets.randbelow(_SEEDS) if request.seed is None else request.seed
        sampling = self.model.sampling(request, seed)
        asked, begun = self.model.prompt(turns, said, sampling.max_new_tokens)
        self.prompt_tokens, self.left_out = len(asked.ids), len(turns) - len(history(turns, asked.start))
        self._stops = [StopText(request.stops) for _ in range(request.n or 1)]
        self.tokens = [0] * len(self._stops)
        samplings = [replace(sampling, seed=(sampling.seed + i) % 2**63) for i in range(len(self._stops))]
        tells = [self._teller(i) for i in range(len(self._stops))]
        try:
            self._replies = self.model.rolling.ask(asked.lane, asked.ids, samplings, tells, begun)
        except ContextFull as error:
            raise context_full(error) from error
        except Busy as error:
            raise Refusal(429, str(error), None, "server_busy", {"Retry-After": "1"}) from error
        if self._left:  # while it was being rendered
            self.leave()

    async def read(self) -> AsyncIterator[Said]:
        """What the replies say, until all have ended. Raises Refusal where the model failed, or is going down."""
        going = set(range(len(self._replies)))
        while going:
            choice, event = await self._events.get()
            if choice not in going:
                continue  # what came after its stop
            if isinstance(event, Piece):
                said = self._piece(choice, event)
            elif isinstance(event, Finished):
                said = self._end(choice, event)
            else:
                raise _failure(event)
            if said.reason is not None:
                going.discard(choice)
            if said.text or said.reason is not None:
                yield said

    def leave(self) -> None:
        """Stop what is still being made, or about to be."""
        self._left = True
        for reply in self._replies:
            if not reply.stopped:
                self.model.rolling.cancel(reply)

    def _piece(self, choice: int, piece: Piece) -> Said:
        self.tokens[choice] = piece.tokens
        stop = self._stops[choice]
        text = stop.push(piece.text)
        if stop.stopped:
            self.model.rolling.cancel(self._replies[choice])
        return Said(choice, text, piece.tokens, "stop" if stop.stopped else None)

    def _end(self, choice: int, end: Finished) -> Said:
        if end.stopped not in _REASONS:
            raise Refusal(503, "the server is going down; ask again when it is back", None, "going_down")
        self.tokens[choice] = end.tokens
        return Said(choice, self._stops[choice].close(), end.tokens, _REASONS[end.stopped])

    def _teller(self, choice: int) -> Tell:
        def tell(event: Event | BaseException) -> None:
            self.mailbox.post(self._events.put_nowait, (choice, event))

        return tell


def _failure(error: BaseException) -> Refusal:
    what = f"failed with {type(error).__name__}; ask again, and report it if it stays"
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        what = "ran out of memory; send less, or serve a smaller base"
    return Refusal(500, f"the model {what}", None, "model_failed")
