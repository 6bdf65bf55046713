"""What a generator or a scorer is: messages in, one answer out."""

import json
from dataclasses import asdict, dataclass
from typing import Protocol

from roleplay.dialogue import Turn
from roleplay.text import fingerprint


@dataclass(frozen=True)
class Prompt:
    """One request to a model."""

    messages: tuple[Turn, ...]
    """A system turn if any, then turns that end with the user's."""
    max_tokens: int
    """Longest answer in tokens."""
    temperature: float
    """0 always takes the likeliest token."""
    seed: int
    """Decides the draws, where the model takes one."""

    def key(self, model: str) -> str:
        """A hash of the request and the model's name: the same question to the same model has the same key."""
        return fingerprint(json.dumps([model, asdict(self)]))


@dataclass(frozen=True)
class Answer:
    """What came back."""

    text: str
    """Cleaned; the reason, where the prompt was refused."""
    stopped: str
    """`end` by itself, `length` at the limit, `refused` where this prompt cannot be answered."""
    prompt_tokens: int = 0
    """Tokens of the messages as the model counts them; 0 where it does not say."""
    answer_tokens: int = 0
    """Tokens of the answer; 0 where the model does not say."""


class ChatModel(Protocol):
    """Anything that answers."""

    @property
    def name(self) -> str:
        """Which model it is: two that answer differently have different names."""

    def answer(self, prompt: Prompt) -> Answer:
        """Answer one prompt. Raises PromptRefused or ContextFull where only this prompt is at fault."""
