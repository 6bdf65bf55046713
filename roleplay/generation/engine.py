"""Stream the replies of any lanes from one `generate` call on one weight load."""

import contextlib
import functools
import queue
import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from transformers import Cache, CompileConfig, StoppingCriteriaList

from roleplay.errors import ContextFull
from roleplay.generation.adapters import Adapters
from roleplay.generation.cache import KeptRows, Row
from roleplay.generation.compiled import Compiled
from roleplay.generation.events import Cancel, Event
from roleplay.generation.lanes import Lane
from roleplay.generation.one_thread import one_thread
from roleplay.generation.sampling import left_pad, processors
from roleplay.generation.score import log_probabilities
from roleplay.generation.settings import Sampling
from roleplay.generation.streamer import Events, LaneStreamer, Stopped
from roleplay.models.base import Base
from roleplay.models.rows import row_adapters

if TYPE_CHECKING:
    from peft import PeftModel


@dataclass(frozen=True)
class _Work:
    """One call of `stream`, checked."""

    lanes: Sequence[Lane]
    """One a row."""
    rows: Sequence[Row]
    """Under which weights, and the prompt."""
    said: Sequence[int]
    """How many last ids of each prompt begin the reply."""
    sampling: Sampling
    """How tokens are drawn."""
    limit: int
    """New tokens at most."""
    cancel: Cancel
    """Asked between tokens."""
    numbers: Sequence[int]
    """Which prompt of the caller each row is."""


class Engine:
    """A base, with or without adapters, that answers token ids with streamed text, one call at a time.

    It knows nothing of cards, templates or history. What was computed is kept: a prompt that begins as an earlier row
    did goes on from there. With `compile`, on a GPU, all but the first token of a reply are computed by compiled steps.
    """

    def __init__(self, base: Base, tuned: "PeftModel | None", end_ids: Sequence[int], *, compile: bool = False) -> None:
        """Raises BaseModelError where `compile` is asked for and cannot be."""
        self.base = base
        self.adapters = Adapters(base, tuned)
        self.chosen = ""
        """Label of the adapter that answers where a lane names none; empty for the one loaded first."""
        self.compiled = Compiled(base.model, base.context) if compile else None
        """What makes `generate` compile; `None` where it does not."""
        self.kept = KeptRows(base.model)
        own = base.model.generation_config.eos_token_id if base.model.generation_config else None
        extra = own if isinstance(own, list) else [] if own is None else [own]
        self.end_ids = list(dict.fromkeys([*end_ids, *extra]))

    @property
    def tuned(self) -> "PeftModel | None":
        """The base with its adapters; `None` where there is none."""
        return self.adapters.tuned

    def attach(self, which: str, folder: Path) -> None:
        """Load one more adapter of the base, which lanes call `which`, unless it is there. Raises AdapterError.

        A handful stay in memory: the least recently used leave when lanes are answered that do not name them.
        """
        self.adapters.attach(which, folder)

    def stream(
        self,
        lanes: Sequence[Lane],
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        cancel: Cancel | None = None,
        *,
        strength: float = 1.0,
        said: Sequence[int] = (),
    ) -> Generator[Event, None, None]:
        """Answer `prompts`, one a lane; yields pieces as they come and one Finished a lane.

        `strength` multiplies what adapters add. Of a prompt the last `said` ids are the beginning of its reply, which
        goes on: pieces are new text, Finished has all of it. Closing the iterator cancels. Raises ContextFull where a
        prompt leaves no room.
        """
        rows = self._rows(lanes, prompts, strength)
        room = check_room(self.base.context, max(len(prompt) for prompt in prompts))
        cancel = cancel or Cancel()
        limit = min(sampling.max_new_tokens, room)
        said = said or [0] * len(lanes)
        # Rows of one adapter lie side by side, so that each layer computes it once.
        order = sorted(range(len(rows)), key=lambda i: [row[:2] for row in rows].index(rows[i][:2]))
        work = _Work(
            [lanes[i] for i in order],
            [rows[i] for i in order],
            [said[i] for i in order],
            sampling,
            limit,
            cancel,
            order,
        )
        events: Events = queue.Queue()
        generate = functools.partial(self._generate, work, events)
        worker = one_thread(generate) if self.compiled else threading.Thread(target=generate, daemon=True)
        ended = False
        try:
            worker.start()
            while (step := events.get()) is not None:
                if isinstance(step, BaseException):
                    raise step
                yield from step
            ended = True
        finally:
            cancel.stop()
            if not ended:  # Ctrl-C may have come while it was starting, before anybody could join it
                with contextlib.suppress(queue.Empty):
                    events.get(timeout=1)
            if worker.is_alive():
                worker.join()

    def score(
        self,
        lanes: Sequence[Lane],
        prompts: Sequence[Sequence[int]],
        replies: Sequence[Sequence[int]],
        *,
        strength: float = 1.0,
    ) -> list[list[float]]:
        """Natural logarithm of the probability of each id of each reply after its prompt, in its lane.

        Raises ContextFull where a prompt and its reply are longer than the base takes.
        """
        # Nothing follows the last id of a reply, so that it is not computed.
        whole = [[*prompt, *reply[:-1]] for prompt, reply in zip(prompts, replies, strict=True)]
        longest = max(len(ids) for ids in whole)
        if longest > self.base.context:
            raise _full(longest, self.base.context)
        rows = self._rows(lanes, whole, strength)
        try:
            with row_adapters(self.tuned, [row[:2] for row in rows]):
                return log_probabilities(self.base.model, rows, replies, self.kept, self.pad)
        except BaseException:
            self.kept.forget()
            raise

    def _rows(self, lanes: Sequence[Lane], ids: Sequence[Sequence[int]], strength: float) -> list[Row]:
        weights = self.adapters.weights(lanes, self.chosen, strength)
        for name in self.adapters.release([name for name, _ in weights]):
            self.kept.forget(name)
        return [Row(name, scale, tuple(row)) for (name, scale), row in zip(weights, ids, strict=True)]

    @property
    def pad(self) -> int:
        """The id that fills short rows."""
        pad = self.base.tokenizer.pad_token_id
        return self.end_ids[0] if pad is None else int(pad)

    def _generate(self, work: _Work, events: Events) -> None:
        begun = [row.ids[len(row.ids) - n :] for row, n in zip(work.rows, work.said, strict=True)]
        try:
            streamer = LaneStreamer(
                work.lanes, begun, self.base.tokenizer, self.end_ids, work.limit, events, work.numbers
            )
            ids, mask = left_pad([row.ids for row in work.rows], self.pad)
            with torch.inference_mode(), row_adapters(self.tuned, [row[:2] for row in work.rows]):
                past: Cache | None = self.kept.begin(work.rows, [1] * len(work.rows))
                options: dict[str, CompileConfig] = {}
                if self.compiled:
                    past = self.compiled.begin(past, len(ids), ids.shape[1] + work.limit)
                    options = {"compile_config": self.compiled.config}
                self.base.model.generate(
                    input_ids=ids.to(self.base.model.device),
                    attention_mask=mask.to(self.base.model.device),
                    do_sample=False,
                    max_new_tokens=work.limit,
                    eos_token_id=self.end_ids,
                    pad_token_id=self.pad,
                    logits_processor=processors(work.sampling, [ids.shape[1] - n for n in work.said]),
                    stopping_criteria=StoppingCriteriaList([Stopped(work.lanes, work.cancel, streamer)]),
                    streamer=streamer,
                    past_key_values=past,
                    **options,
                )
                fed = [row._replace(ids=(*row.ids, *new)) for row, new in zip(work.rows, streamer.tokens, strict=True)]
                self.kept.keep(fed, [ids.shape[1] - len(row.ids) for row in work.rows], past)
        except BaseException as error:  # handed to the reader, which raises it
            self.kept.forget()
            events.put(error)
        finally:
            events.put(None)


def check_room(context: int, tokens: int) -> int:
    """Tokens that a prompt of `tokens` leaves for a reply. Raises ContextFull where these are none."""
    if tokens >= context:
        raise _full(tokens, context)
    return context - tokens


def _full(tokens: int, context: int) -> ContextFull:
    return ContextFull(
        f"the prompt has {tokens} tokens and the base takes {context}; shorten the message, switch prefixes off, or "
        "begin a new chat"
    )
