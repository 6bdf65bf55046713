"""Token ids of each step to events, one row a lane, until each row ends in its own way."""

import queue
import time
from collections.abc import Sequence
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase, StoppingCriteria
from transformers.generation.streamers import BaseStreamer

from roleplay.generation.decode import TextStream
from roleplay.generation.events import Cancel, Event, Finished, Piece
from roleplay.generation.lanes import Lane

Events = queue.Queue[list[Event] | BaseException | None]
"""The events of each step, so that its reader wakes once; an error where generation failed; `None` at the end."""


class LaneStreamer(BaseStreamer):
    """Turns the ids of each step, shape (lanes,), into events."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        said: Sequence[Sequence[int]],
        tokenizer: PreTrainedTokenizerBase,
        end_ids: Sequence[int],
        limit: int,
        events: Events,
        numbers: Sequence[int],
    ) -> None:
        """`said` are the ids with which each reply already begins; `limit` counts new tokens.

        `numbers` are what the reader calls the rows.
        """
        self.lanes, self.limit, self.events, self.numbers = lanes, limit, events, numbers
        self.end_ids = set(end_ids)
        self.texts = [TextStream(tokenizer, ids) for ids in said]
        self.tokens: list[list[int]] = [[] for _ in lanes]
        """New ids of each row, the one that ended it included."""
        self.open = [True] * len(lanes)
        self.step: list[Event] = []
        """What this step brought so far."""
        self.began = time.perf_counter()
        self.prompt_seen = False

    def put(self, value: torch.Tensor) -> None:
        """Ids of one step; the first call brings the prompt."""
        if not self.prompt_seen:
            self.prompt_seen = True
            return
        for row, token in enumerate(value.tolist()):
            if not self.open[row]:
                continue
            self.tokens[row].append(token)
            if token in self.end_ids:
                self._finish(row, "end")
                continue
            piece = self.texts[row].push(token)
            if piece:
                self._tell(row, piece)
            if len(self.tokens[row]) >= self.limit:
                self._finish(row, "length")
        self._send()

    def end(self) -> None:
        """Called by `generate` when every row is done."""

    def finish_cancelled(self, held: Sequence[bool]) -> None:
        """Close the rows that are held and still open."""
        for row, still_open in enumerate(self.open):
            if still_open and held[row]:
                self._finish(row, "cancelled")
        self._send()

    def _send(self) -> None:
        if self.step:
            self.events.put(self.step)
            self.step = []

    def _finish(self, row: int, stopped: str) -> None:
        self.open[row] = False
        rest = self.texts[row].close()
        if rest:
            self._tell(row, rest)
        seconds = time.perf_counter() - self.began
        text, tokens = self.texts[row].told, len(self.tokens[row])
        self.step.append(Finished(self.lanes[row], text, tokens, stopped, seconds, self.numbers[row]))

    def _tell(self, row: int, text: str) -> None:
        self.step.append(Piece(self.lanes[row], text, len(self.tokens[row]), time.perf_counter() - self.began))


class Stopped(StoppingCriteria):
    """Ends each cancelled row by itself, and its text at the same instant: what `generate` pads it with is not said."""

    def __init__(self, lanes: Sequence[Lane], cancel: Cancel, streamer: LaneStreamer) -> None:
        self.lanes, self.cancel, self.streamer = lanes, cancel, streamer

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        """Which rows are done: (B,)."""
        held = [self.cancel.holds(lane) for lane in self.lanes]
        self.streamer.finish_cancelled(held)
        return torch.tensor(held, device=input_ids.device)
