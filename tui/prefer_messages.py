"""Everything that is posted to the screen of a blind comparison; a thread posts, handlers draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from roleplay.chat.prefer.match import Match


@dataclass
class DrawingTold(Message):
    """Something is being loaded or drawn."""

    text: str
    """What."""


@dataclass
class MatchDrawn(Message):
    """Two replies are whole."""

    match: Match | None
    """They; `None` where there is nothing more to draw."""
    notices: tuple[str, ...]
    """What the person should know."""


@dataclass
class NotDrawn(Message):
    """No replies were drawn."""

    problem: str
    """What happened and what to do."""
