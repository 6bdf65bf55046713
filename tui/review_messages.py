"""What is posted to the review of pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from roleplay.measures.near_pairs import Likenesses


@dataclass
class Compared(Message):
    """Every pair was compared with every other."""

    found: Likenesses
    """What came of it."""
    times_saved: int
    """How often the file had been saved when the pairs were taken."""
