"""One name that the server answers to: a lane of a character, or a base."""

import threading
from dataclasses import dataclass

from jinja2 import TemplateError

from roleplay.chat.asked import ask_in
from roleplay.chat.question import Ask, Asked
from roleplay.chat.sampled import card_sampling
from roleplay.dataset.unit import Voice
from roleplay.dialogue import Turn
from roleplay.errors import ContextFull
from roleplay.generation.lanes import Lane
from roleplay.generation.rolling import Rolling
from roleplay.generation.settings import Sampling
from roleplay.serve.reach import reach
from roleplay.serve.refusal import Refusal
from roleplay.serve.starts import Starts
from roleplay.serve.wire import ChatRequest
from roleplay.text import fingerprint


@dataclass(frozen=True)
class Model:
    """One name, and who answers to it."""

    id: str
    """`NAME`, `NAME:no-prefix`, or the name of a base."""
    lane: Lane
    """Adapter and prefix."""
    voice: Voice
    """Card, prefixes and renderer; of a base a card that adds nothing."""
    prefixes: tuple[str, ...]
    """Ids of those that are put in front."""
    rolling: Rolling
    """The base that computes it, with others."""
    about: str
    """Which base and adapter exactly, as people read it."""
    parent: str | None
    """Name of the base that a character stands on; `None` of a base itself."""
    lock: threading.Lock
    """Held while the base's tokenizer renders."""
    starts: Starts
    """Of its conversations."""

    @property
    def context(self) -> int:
        """Tokens that the base takes."""
        return self.rolling.engine.base.context

    @property
    def fingerprint(self) -> str:
        """Changes with what decides the answers."""
        return f"fp_{fingerprint(self.about)[:12]}"

    def sampling(self, request: ChatRequest, seed: int) -> Sampling:
        """The card's settings, replaced by those of the request."""
        typed = {
            "temperature": request.temperature,
            "top_p": request.top_p,
            "top_k": None if request.top_k is None else max(request.top_k, 0),
            "min_p": request.min_p,
            "repetition_penalty": request.repetition_penalty,
            "presence_penalty": request.presence_penalty,
            "frequency_penalty": request.frequency_penalty,
            "max_new_tokens": request.new_tokens,
            "seed": seed % 2**63,
        }
        return card_sampling(self.voice.card, typed)

    def prompt(self, turns: tuple[Turn, ...], said: str, new_tokens: int) -> tuple[Asked, int]:
        """What is sent for `turns`, and how many last ids of it the reply begins with.

        Raises Refusal where the context, or the base's template, does not take them.
        """
        with self.lock:
            start = reach(turns, said, self.starts.find(self.id, turns), self.context)
            begun = tuple(self.voice.renderer.text_ids(said)) if said else ()
            ask = Ask(self.lane, self.prefixes, start, turns)
            try:
                asked = ask_in(self.voice, ask, new_tokens, self.context, begun)
            except TemplateError as error:  # its text may quote the turns
                raise Refusal(
                    400,
                    "messages: the base's chat template does not take these turns; let user and assistant take turns",
                    "messages",
                    "template",
                ) from error
            self.starts.remember(self.id, turns, asked.start)
        return asked, len(begun)


def context_full(error: ContextFull) -> Refusal:
    """A prompt that leaves no room for a reply."""
    return Refusal(400, str(error), "messages", "context_length_exceeded")
