"""One prompt with two replies, as a person sees them, and what is said of them."""

import functools
from dataclasses import dataclass
from typing import Literal

from roleplay.chat.prefer.prompts import context_of
from roleplay.corpora.pairs import Pair, Provenance, Side
from roleplay.dialogue import Turn

Letter = Literal["a", "b"]
"""One of the two who are compared."""
Verdict = Literal["a", "b", "both", "neither", "skip", "same"]
"""Which reply is better; both are good, or neither; nothing was chosen; or they were the same and nobody was asked."""


@dataclass(frozen=True)
class Drawn:
    """A reply."""

    name: str
    """Who said it, in words."""
    text: str
    """The reply, without surrounding white space; may be empty."""
    stopped: str
    """`end` by itself, `length` at the limit."""
    side: Side
    """How it came about."""


@dataclass(frozen=True)
class Match:
    """Two replies to one prompt."""

    turns: tuple[Turn, ...]
    """The conversation before them; the last turn is the person's."""
    prefixes: tuple[str, ...]
    """Ids of the prefixes that the character's own lane sends in a new chat."""
    a: Drawn
    """What A said."""
    b: Drawn
    """What B said."""
    left: Letter
    """Whose reply stands at the left."""

    @functools.cached_property
    def context(self) -> str:
        """A hash of the turns."""
        return context_of(self.turns)

    @property
    def is_same(self) -> bool:
        """Whether there is nothing to choose between."""
        return self.a.text == self.b.text

    @property
    def shown(self) -> tuple[str, str]:
        """The text at the left, and that at the right."""
        return (self.a.text, self.b.text) if self.left == "a" else (self.b.text, self.a.text)

    def at(self, place: Literal["left", "right"]) -> Letter:
        """Whose reply stands there."""
        if place == "left":
            return self.left
        return "b" if self.left == "a" else "a"


@dataclass(frozen=True)
class Choice:
    """What a person said of a match."""

    match: Match
    """The prompt and the replies."""
    verdict: Verdict
    """What was said."""
    when: float
    """Seconds since 1970."""

    @property
    def compared(self) -> tuple[str, str]:
        """Who was compared: A, then B."""
        return self.match.a.name, self.match.b.name

    @property
    def pair(self) -> Pair | None:
        """What can be learned of it.

        `None` where nothing was preferred, a reply has no text, or the better one was cut: nobody should learn to end
        there.
        """
        match = self.match
        if self.verdict not in ("a", "b"):
            return None
        better, worse = (match.a, match.b) if self.verdict == "a" else (match.b, match.a)
        if not better.text or not worse.text or better.stopped != "end":
            return None
        about = Provenance(None, self.when, better.side, worse.side)
        return Pair(match.turns, better.text, worse.text, "prefer", match.prefixes, about)
