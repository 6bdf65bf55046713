"""What comes to mind for a lane that another program answers: found by words alone, since no model is loaded here."""

import contextlib
from pathlib import Path

from roleplay.cards.model import KNOWLEDGE, Card
from roleplay.chat.question import Ask, Question
from roleplay.knowledge.memory import Memory
from roleplay.knowledge.passage import Recalled

_CONTEXT = 4096
"""Tokens that a server's model is taken to have room for where it does not say."""


def recalled_afar(
    card: Card, books: Path | None, question: Question, ask: Ask, context: int | None = None
) -> tuple[Recalled, ...]:
    """The passages for `ask`; `books` is the character's index, there or not, `context` that of the model.

    Raises StorageError for an index that cannot be read.
    """
    if books is None or KNOWLEDGE not in ask.prefixes:
        return ()
    with contextlib.closing(Memory(card, books, _roughly, context or _CONTEXT, by_meaning=False)) as memory:
        return memory.recall(question.pinned, question.excluded, question.card).found(ask.turns)


def _roughly(text: str) -> int:
    """Tokens, about: one for a Chinese character or for three letters."""
    return len(text.encode()) // 3 + 1
