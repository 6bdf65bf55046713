"""A reward for not pretending to know what is out of the character's world."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from roleplay.cards.model import Card
from roleplay.cards.prompt import fill
from roleplay.dialogue import Turn
from roleplay.measures.answered import answered
from roleplay.measures.near_texts import letters
from roleplay.measures.refused import refuses as says_so
from roleplay.preference.rewards.judged import Judge, Judged


@dataclass(frozen=True)
class Strange:
    """A question about what the character cannot know."""

    question: str
    """Names filled in."""
    accept: tuple[str, ...] = ()
    """What a refusal holds, besides the usual phrases."""
    forbid: tuple[str, ...] = ()
    """What none holds."""


def refuses(strange: Iterable[Strange], card: Card) -> Judge:
    """1 for replies that refuse a question of `strange`, 0 for those that do not; nan for all other questions.

    A question counts where it opens the conversation: later on, it may be about something else. The names of `card`
    are filled into what is asked.
    """
    known: dict[str, Strange] = {}
    for one in strange:
        known.setdefault(letters(one.question), one)

    def judge(judged: Sequence[Judged]) -> list[float]:
        return [_worth(known.get(letters(fill(_opening(one.turns), card))), one.text) for one in judged]

    return judge


def _opening(turns: Sequence[Turn]) -> str:
    """The person's only turn, or nothing."""
    said = [turn.text for turn in turns if turn.role == "user"]
    return said[0] if len(said) == 1 else ""


def _worth(asked: Strange | None, reply: str) -> float:
    if asked is None:
        return math.nan
    forbidden = answered(reply, (), asked.forbid).forbidden
    return float(says_so(reply, asked.accept) and not forbidden)
