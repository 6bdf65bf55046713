"""Lets the character answer a few held-out prompts as its training goes on."""

import contextlib
import time
from collections.abc import Callable

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from roleplay.cards.prompt import default_prefixes, fill
from roleplay.dataset.corpus import Corpus
from roleplay.dataset.unit import Voice
from roleplay.dialogue import Dialogue
from roleplay.generation.engine import Engine
from roleplay.generation.events import Finished
from roleplay.generation.lanes import Lane
from roleplay.generation.settings import Sampling
from roleplay.training.prepare import Job
from roleplay.training.processes import processes
from roleplay.training.samples import TrainingSample, append_samples, keep_until

_SAMPLING = Sampling(temperature=0, max_new_tokens=64)
_PROMPTS = 3
_SHARE = 0.04
"""Of the time spent training, where nobody said how many replies are wanted."""
_FIRST_GUESS = 1.0
"""Seconds that a round is taken to cost before one was timed."""
_LANE = Lane(adapter=False, prefix=True)
"""One that names no adapter: that which learns is in the layers of the base."""

AtRest = Callable[[], contextlib.AbstractContextManager[None]]
"""Within it the model is as chat has it."""


class Sampler(TrainerCallback):
    """Keeps replies after each epoch; where no number of them is set, only while they cost little of the time."""

    def __init__(self, job: Job, at_rest: AtRest, resumed_step: int) -> None:
        """Replies beyond the step that is gone on from are dropped."""
        self.job, self.at_rest = job, at_rest
        wanted = job.config.settings.samples
        self.always = wanted is not None
        self.asked = _prompts(job, _PROMPTS if wanted is None else wanted)
        kept = keep_until(job.run.samples, resumed_step)
        self._newest = kept[-1].step if kept else 0
        self._cost, self._since = _FIRST_GUESS, time.monotonic()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Start the clock; replies that a kill came before are given now."""
        self._since = time.monotonic()
        if self.always and float(state.epoch or 0).is_integer():
            self._take(state)

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Take a round, unless somebody waits for the run to stop."""
        interrupted = control.should_training_stop and state.global_step < state.max_steps
        affordable = self._cost <= _SHARE * (time.monotonic() - self._since)
        if not interrupted and (self.always or affordable):
            self._take(state)

    def _take(self, state: TrainerState) -> None:
        if not self.asked or state.global_step <= self._newest:
            return
        began = time.monotonic()
        try:
            replies = self._replies()
        except torch.OutOfMemoryError:  # the run matters more
            self.asked = []
            return
        voice, epoch = self.job.corpus.voice, round(state.epoch or 0, 4)
        told = []
        for dialogue, reply in zip(self.asked, replies, strict=True):
            prompt, written = (fill(turn.text, voice.card) for turn in dialogue.turns[:2])
            told.append(TrainingSample(state.global_step, epoch, prompt, written, reply))
        append_samples(self.job.run.samples, told)
        self._newest, self._since = state.global_step, time.monotonic()
        self._cost = self._since - began

    def _replies(self) -> list[str]:
        """The likeliest reply to each prompt, all in one batch."""
        engine = Engine(self.job.base, None, [self.job.corpus.voice.renderer.traits.end_of_turn_id])
        prompts = [_prompt_ids(self.job.corpus.voice, dialogue) for dialogue in self.asked]
        with self.at_rest():
            heard = list(engine.stream([_LANE] * len(prompts), prompts, _SAMPLING))
        return [event.text for event in heard if isinstance(event, Finished)]


def _prompts(job: Job, most: int) -> list[Dialogue]:
    """Held-out dialogues that the person begins, spread over all of them; none where several processes train."""
    if not isinstance(job.corpus, Corpus) or processes() > 1 or not most:
        return []
    found = {row.unit.dialogue.identity: row.unit.dialogue for row in job.corpus.heldout()}
    room = job.base.context - _SAMPLING.max_new_tokens
    fitting = [
        dialogue
        for dialogue in found.values()
        if dialogue.turns[0].role == "user" and len(_prompt_ids(job.corpus.voice, dialogue)) <= room
    ]
    return fitting[:: max(1, len(fitting) // most)][:most]


def _prompt_ids(voice: Voice, dialogue: Dialogue) -> list[int]:
    """What chat sends to get the first answer, with the prefixes of a new chat."""
    return voice.prompt_ids(dialogue.turns[:1], default_prefixes(voice.prefixes))
