"""Conversations as plain values."""

from dataclasses import dataclass
from typing import Literal

from roleplay.text import fingerprint

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True)
class Turn:
    """One message of a dialogue."""

    role: Role
    """Who speaks; the character is the `assistant`."""
    text: str
    """What is said, without surrounding white space."""


@dataclass(frozen=True)
class Dialogue:
    """A conversation; user and assistant take turns, a system turn can only be the first."""

    turns: tuple[Turn, ...]
    """At least one of them is the assistant's."""
    source: str
    """File and entry it was read from, for messages."""

    @property
    def identity(self) -> str:
        """A hash of roles and text: moves with the dialogue when a corpus is reordered."""
        return fingerprint("\x1e".join(f"{turn.role}\x1f{turn.text}" for turn in self.turns))


@dataclass(frozen=True)
class Pair:
    """A preference: what was asked, with a better and a worse answer."""

    prompt: tuple[Turn, ...]
    """The turns before the answer; the last is the user's."""
    chosen: str
    """The better answer, without surrounding white space."""
    rejected: str
    """The worse answer, likewise."""
    source: str
    """File and row it was read from, for messages."""

    @property
    def identity(self) -> str:
        """A hash of roles and text: moves with the pair when a corpus is reordered."""
        turns = (*self.prompt, Turn("assistant", self.chosen), Turn("assistant", self.rejected))
        return fingerprint("\x1e".join(f"{turn.role}\x1f{turn.text}" for turn in turns))
