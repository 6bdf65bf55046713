"""Stream the replies of any lanes from one `generate` call on one weight load."""

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from transformers import PreTrainedModel, StoppingCriteria, StoppingCriteriaList
from transformers.generation.streamers import BaseStreamer

from roleplay.errors import BaseModelError, ContextFull
from roleplay.generation.decode import TextStream
from roleplay.generation.events import Cancel, Event, Finished, Piece
from roleplay.generation.lanes import Lane
from roleplay.generation.sampling import left_pad, processors
from roleplay.generation.settings import Sampling
from roleplay.models.adapter import PERSONA
from roleplay.models.base import Base

if TYPE_CHECKING:
    from peft import PeftModel


class Engine:
    """A base, with or without an adapter, that answers token ids with streamed text.

    It knows nothing of cards, templates or history.
    """

    def __init__(self, base: Base, tuned: "PeftModel | None", end_ids: Sequence[int]) -> None:
        self.base = base
        self.tuned = tuned
        own = base.model.generation_config.eos_token_id if base.model.generation_config else None
        extra = own if isinstance(own, list) else [] if own is None else [own]
        self.end_ids = list(dict.fromkeys([*end_ids, *extra]))

    def stream(
        self, lanes: Sequence[Lane], prompts: Sequence[Sequence[int]], sampling: Sampling, cancel: Cancel | None = None
    ) -> Iterator[Event]:
        """Answer `prompts`, one a lane; yields pieces as they come and one Finished a lane.

        Closing the iterator cancels. Raises ContextFull where a prompt leaves no room.
        """
        if any(lane.adapter for lane in lanes) and self.tuned is None:
            raise BaseModelError("a persona lane needs an adapter, and none is loaded; train one or choose base lanes")
        longest = max(len(prompt) for prompt in prompts)
        room = self.base.context - longest
        if room < 1:
            raise ContextFull(
                f"the prompt has {longest} tokens and the base takes {self.base.context}; shorten the message, switch "
                "prefixes off, or begin a new chat"
            )
        cancel = cancel or Cancel()
        events: queue.Queue[Event | BaseException | None] = queue.Queue()
        worker = threading.Thread(
            target=self._generate, args=(list(lanes), prompts, sampling, room, cancel, events), daemon=True
        )
        worker.start()
        try:
            while (event := events.get()) is not None:
                if isinstance(event, BaseException):
                    raise event
                yield event
        finally:
            cancel.stop()
            worker.join()

    def _generate(
        self,
        lanes: list[Lane],
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        room: int,
        cancel: Cancel,
        events: "queue.Queue[Event | BaseException | None]",
    ) -> None:
        try:
            pad = self.end_ids[0] if self.base.tokenizer.pad_token_id is None else self.base.tokenizer.pad_token_id
            ids, mask = left_pad(prompts, int(pad))
            model: PreTrainedModel | PeftModel = self.base.model
            options: dict[str, Any] = {}
            if self.tuned is not None:
                model = self.tuned
                options["adapter_names"] = [PERSONA if lane.adapter else "__base__" for lane in lanes]
            limit = min(sampling.max_new_tokens, room)
            streamer = _LaneStreamer(lanes, self, limit, events)
            with torch.inference_mode():
                model.generate(
                    input_ids=ids.to(self.base.model.device),
                    attention_mask=mask.to(self.base.model.device),
                    do_sample=False,
                    max_new_tokens=limit,
                    eos_token_id=self.end_ids,
                    pad_token_id=pad,
                    logits_processor=processors(sampling, ids.shape[1]),
                    stopping_criteria=StoppingCriteriaList([_Stopped(lanes, cancel, streamer)]),
                    streamer=streamer,
                    **options,
                )
        except BaseException as error:  # handed to the reader, which raises it
            events.put(error)
        finally:
            events.put(None)


class _Stopped(StoppingCriteria):
    """Ends each cancelled row by itself, and its text at the same instant: what `generate` pads it with is not said."""

    def __init__(self, lanes: list[Lane], cancel: Cancel, streamer: "_LaneStreamer") -> None:
        self.lanes, self.cancel, self.streamer = lanes, cancel, streamer

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        """Which rows are done: (B,)."""
        held = [self.cancel.holds(lane) for lane in self.lanes]
        self.streamer.finish_cancelled(held)
        return torch.tensor(held, device=input_ids.device)


class _LaneStreamer(BaseStreamer):
    """Turns the ids of each step, shape (lanes,), into events."""

    def __init__(
        self,
        lanes: list[Lane],
        engine: Engine,
        limit: int,
        events: "queue.Queue[Event | BaseException | None]",
    ) -> None:
        self.lanes, self.limit, self.events = lanes, limit, events
        self.end_ids = set(engine.end_ids)
        self.texts = [TextStream(engine.base.tokenizer) for _ in lanes]
        self.counts = [0] * len(lanes)
        self.open = [True] * len(lanes)
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
            self.counts[row] += 1
            if token in self.end_ids:
                self._finish(row, "end")
                continue
            piece = self.texts[row].push(token)
            if piece:
                self._tell(row, piece)
            if self.counts[row] >= self.limit:
                self._finish(row, "length")

    def end(self) -> None:
        """Called by `generate` when every row is done."""

    def finish_cancelled(self, held: Sequence[bool]) -> None:
        """Close the rows that are held and still open."""
        for row, still_open in enumerate(self.open):
            if still_open and held[row]:
                self._finish(row, "cancelled")

    def _finish(self, row: int, stopped: str) -> None:
        self.open[row] = False
        rest = self.texts[row].close()
        if rest:
            self._tell(row, rest)
        seconds = time.perf_counter() - self.began
        self.events.put(Finished(self.lanes[row], self.texts[row].told, self.counts[row], stopped, seconds))

    def _tell(self, row: int, text: str) -> None:
        self.events.put(Piece(self.lanes[row], text, self.counts[row], time.perf_counter() - self.began))
