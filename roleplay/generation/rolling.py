"""Replies that begin and end at any time and are computed together: who asks does not wait for who asked before.

A burst is one `generate` over the rows at hand. It ends when somebody else asks, or when many rows have ended; what
was computed is kept, and the next burst goes on from there. Who has just come is computed alone first, prompt and one
token:

    burst 1   a a a a a a .               burst 3   a a a a …
              b b b b b b .   burst 2   c           b b b b …
                                                    c c c c …
"""

import itertools
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import StoppingCriteria, StoppingCriteriaList
from transformers.generation.streamers import BaseStreamer

from roleplay.errors import Busy
from roleplay.generation.cache import KeptRows, Row
from roleplay.generation.decode import TextStream
from roleplay.generation.engine import Engine, check_room
from roleplay.generation.lanes import Lane
from roleplay.generation.own_sampling import OwnSampling
from roleplay.generation.reply import Reply, Tell
from roleplay.generation.sampling import left_pad
from roleplay.generation.settings import Sampling
from roleplay.models.rows import row_adapters

_SPARSE = 0.75
"""Share of rows below which those that are left go on in a burst of their own."""

ROWS = 32
"""Replies computed at once."""
WAITING = 64
"""Replies that wait for a place."""


class Rolling:
    """Answers on one engine, in a thread of its own; several readers at once."""

    def __init__(self, engine: Engine, *, rows: int = ROWS, waiting: int = WAITING) -> None:
        """At most `rows` replies are computed at once, and `waiting` more wait."""
        self.engine, self.rows, self.most_waiting = engine, rows, waiting
        self.kept = KeptRows(engine.base.model, limit=2 * rows)
        self._waiting: deque[Reply] = deque()
        self._active: list[Reply] = []
        self._changed = threading.Condition()
        self._closed = False
        self._numbers = itertools.count()
        self._thread = threading.Thread(target=self._work, name="rolling", daemon=True)
        self._thread.start()

    @property
    def load(self) -> tuple[int, int]:
        """Replies that are computed, and that wait."""
        with self._changed:
            return self._running(), len(self._waiting)

    @property
    def alive(self) -> bool:
        """Whether the thread that computes is there."""
        return self._thread.is_alive()

    def ask(
        self, lane: Lane, prompt: Sequence[int], samplings: Sequence[Sampling], tells: Sequence[Tell], said: int = 0
    ) -> list[Reply]:
        """Begin a reply for each of `samplings`, all or none; the last `said` ids of the prompt are their beginning.

        Raises ContextFull where the prompt leaves no room, Busy where too many wait.
        """
        room = check_room(self.engine.base.context, len(prompt))
        begun = list(prompt[len(prompt) - said :])
        with self._changed:
            [weights] = self.engine.adapters.weights([lane], self.engine.chosen, 1.0)
            replies = [
                Reply(
                    lane,
                    weights,
                    tuple(prompt),
                    said,
                    sampling,
                    min(sampling.max_new_tokens, room),
                    TextStream(self.engine.base.tokenizer, begun),
                    tell,
                    next(self._numbers),
                )
                for sampling, tell in zip(samplings, tells, strict=True)
            ]
            if self._closed:
                raise Busy("no more replies are begun here: the server is going down")
            if len(self._waiting) + len(replies) > self.most_waiting + self.rows - self._running():
                raise Busy(f"{len(self._waiting)} replies wait already; ask again in a moment")
            self._waiting.extend(replies)
            self._changed.notify()
        return replies

    def cancel(self, reply: Reply) -> None:
        """Stop a reply at the next token; its reader is told that it was cancelled."""
        with self._changed:
            reply.cancelled = True
            if reply in self._waiting:
                self._waiting.remove(reply)
                reply.finish("cancelled")
            self._changed.notify()

    def stop(self) -> None:
        """Stop all replies and take no more; the thread ends with the last of them. A signal handler may call it."""
        with self._changed:  # its lock lets the thread that holds it in again
            self._closed = True
            for reply in (*self._active, *self._waiting):
                reply.cancelled = True
            self._changed.notify()

    def close(self) -> None:
        """Stop, and wait until the thread has ended."""
        self.stop()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._active or self._closed)
                if self._closed and not self._waiting and not self._active:
                    return
                free = self.rows - len(self._active)
                new = [self._waiting.popleft() for _ in range(min(free, len(self._waiting)))]
                self._active += new
            running = new or self._active
            try:
                self._burst(running, first=bool(new))
            except BaseException as error:  # handed to whoever reads
                self.kept.forget()
                for reply in running:
                    if not reply.stopped:
                        reply.fail(error)
            with self._changed:
                self._active = [reply for reply in self._active if not reply.stopped]

    def _burst(self, replies: Sequence[Reply], *, first: bool) -> None:
        """Go on with `replies` until somebody waits, or many have ended; `first` computes a single token."""
        replies = self._without_cancelled(replies)
        if not replies:
            return
        engine = self.engine
        # Rows of one adapter lie side by side, so that each layer computes it once.
        replies = sorted(replies, key=lambda reply: reply.weights)
        rows = [Row(*reply.weights, (*reply.prompt, *reply.tokens)) for reply in replies]
        ids, mask = left_pad([row.ids for row in rows], engine.pad)
        past = self.kept.begin(rows, [1] * len(rows))
        said = _Said(replies, set(engine.end_ids), lambda: not first and self._somebody_waits())
        with torch.inference_mode(), row_adapters(engine.tuned, [reply.weights for reply in replies]):
            engine.base.model.generate(
                input_ids=ids.to(engine.base.model.device),
                attention_mask=mask.to(engine.base.model.device),
                do_sample=False,
                max_new_tokens=1 if first else max(reply.limit - len(reply.tokens) for reply in replies),
                eos_token_id=engine.end_ids,
                pad_token_id=engine.pad,
                logits_processor=[OwnSampling(replies, ids.shape[1])],
                stopping_criteria=StoppingCriteriaList([_Ended(said)]),
                streamer=said,
                past_key_values=past,
            )
        fed = [row._replace(ids=(*reply.prompt, *reply.tokens)) for row, reply in zip(rows, replies, strict=True)]
        self.kept.keep(fed, [ids.shape[1] - len(row.ids) for row in rows], past)

    def _without_cancelled(self, replies: Sequence[Reply]) -> list[Reply]:
        for reply in replies:
            if reply.cancelled:
                reply.finish("cancelled")
        return [reply for reply in replies if not reply.stopped]

    def _somebody_waits(self) -> bool:
        return bool(self._waiting) and self._running() < self.rows

    def _running(self) -> int:
        return sum(not reply.stopped for reply in self._active)


class _Said(BaseStreamer):
    """Hands each token to its reply, and knows when the burst is over."""

    def __init__(self, replies: Sequence[Reply], end_ids: set[int], interrupted: Callable[[], bool]) -> None:
        self.replies, self.end_ids, self.interrupted = replies, end_ids, interrupted
        self.prompt_seen = False

    def put(self, value: torch.Tensor) -> None:
        """Ids of one step, (B,); the first call brings the prompts."""
        if not self.prompt_seen:
            self.prompt_seen = True
            return
        for reply, token in zip(self.replies, value.tolist(), strict=True):
            if reply.stopped:
                continue
            if reply.cancelled:
                reply.finish("cancelled")
                continue
            reply.tokens.append(token)
            if token in self.end_ids:
                reply.finish("end")
                continue
            piece = reply.text.push(token)
            if piece:
                reply.say(piece)
            if len(reply.tokens) >= reply.limit:
                reply.finish("length")

    def end(self) -> None:
        """Called by `generate` at its end."""

    @property
    def over(self) -> bool:
        """Whether this burst is to end before its rows have."""
        going = sum(not reply.stopped for reply in self.replies)
        sparse = going < _SPARSE * len(self.replies) and len(self.replies) - going > 1
        return sparse or self.interrupted()


class _Ended(StoppingCriteria):
    """Ends rows that have ended, and all where the burst is over."""

    def __init__(self, said: _Said) -> None:
        self.said = said

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        """Which rows are done: (B,)."""
        if self.said.over:
            return torch.ones(len(self.said.replies), dtype=torch.bool, device=input_ids.device)
        return torch.tensor([bool(reply.stopped) for reply in self.said.replies], device=input_ids.device)
