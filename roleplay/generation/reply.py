"""One reply under way among others: what it answers, what it said so far, who hears it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from roleplay.generation.decode import TextStream
from roleplay.generation.events import Event, Finished, Piece
from roleplay.generation.lanes import Lane
from roleplay.generation.sampling import GumbelNoise
from roleplay.generation.settings import Sampling

Tell = Callable[[Event | BaseException], object]
"""Takes what a reply says, in the thread that computes: pieces, then Finished or what stopped the model."""


@dataclass(eq=False)
class Reply:
    """One reply under way."""

    lane: Lane
    """Who says it."""
    weights: tuple[str, float]
    """Name of its adapter inside the model, and the strength."""
    prompt: tuple[int, ...]
    """What it answers, and the ids that it begins with."""
    said: int
    """How many last ids of the prompt are its beginning."""
    sampling: Sampling
    """How its tokens are drawn."""
    limit: int
    """New tokens at most."""
    text: TextStream
    """What was said so far."""
    tell: Tell
    """Its reader."""
    number: int
    """Which it is of all that were asked for."""
    tokens: list[int] = field(default_factory=list)
    """New ids, the one that ended it included."""
    begun: float = field(default_factory=time.perf_counter)
    """When it was asked for."""
    stopped: str = ""
    """Why it ended; empty while it has not."""
    cancelled: bool = False
    """Whether its reader has left."""
    noise: GumbelNoise = field(init=False)
    """Its own draws."""

    def __post_init__(self) -> None:
        self.noise = GumbelNoise(self.sampling.seed)

    def say(self, text: str) -> None:
        """Hand the reader a piece of text."""
        self.tell(Piece(self.lane, text, len(self.tokens), time.perf_counter() - self.begun))

    def finish(self, why: str) -> None:
        """End, with what is left of the text."""
        self.stopped = why
        rest = self.text.close()
        if rest:
            self.say(rest)
        seconds = time.perf_counter() - self.begun
        self.tell(Finished(self.lane, self.text.told, len(self.tokens), why, seconds, self.number))

    def fail(self, error: BaseException) -> None:
        """End with what stopped the model."""
        self.stopped = "error"
        self.tell(error)
