"""What the replies that both adapters drew are worth by a stated reward."""

import math
from collections.abc import Iterable, Sequence
from typing import Literal

from roleplay.evaluation.against.comparison import Figure
from roleplay.evaluation.against.draws import Drawn
from roleplay.evaluation.against.paired import Item, Items, difference, figure_of
from roleplay.preference.rewards.reward import Reward
from roleplay.preference.rewards.spec import Term
from roleplay.text import one_line

TOTAL = "reward"
"""Name of the figure that a run is rewarded with; those of its terms begin with it."""
_NOTE = "The mean over drawn replies; one that it does not judge is left out."


def written(terms: Sequence[Term]) -> str:
    """The reward as it is stated."""
    parts = [
        f" - {text[1:]}" if at and text.startswith("-") else f" + {text}" for at, text in enumerate(map(str, terms))
    ]
    return "".join(parts).removeprefix(" + ")


def reward_figures(reward: Reward, before: Sequence[Drawn], after: Sequence[Drawn]) -> list[Figure]:
    """The mean of the whole reward, then of each of several terms; what judges none of the replies is left out.

    Raises RunError for a reward that is no finite number.
    """
    old, new = ([*reward([one.judged for one in drawn])] for drawn in (before, after))
    title = f"reward '{one_line(written(reward.terms), 80)}'"
    figures = _figure(
        TOTAL, title, "higher", _items(before, map(reward.total, old)), _items(after, map(reward.total, new))
    )
    for term in reward.terms if len(reward.terms) > 1 else ():
        worth = [[row[term.label] for row in rows] for rows in (old, new)]
        better: Literal["higher", "lower"] = "higher" if term.weight > 0 else "lower"
        name, title = f"{TOTAL} {term.label}", one_line(term.label, 80)
        figures += _figure(name, title, better, _items(before, worth[0]), _items(after, worth[1]))
    return figures


def _figure(name: str, title: str, better: Literal["higher", "lower"], old: Items, new: Items) -> list[Figure]:
    if not any(item.below for item in old.values()) or not any(item.below for item in new.values()):
        return []
    change = difference(old, new)
    return [Figure(name, "reward", title, better, "persona+prefix", figure_of(old), figure_of(new), change, note=_NOTE)]


def _items(drawn: Sequence[Drawn], worth: Iterable[float]) -> Items:
    """What is not judged counts for nothing."""
    found = zip(drawn, worth, strict=True)
    return {
        one.key: Item(0, 0, one.prompt.group) if math.isnan(value) else Item(value, 1, one.prompt.group)
        for one, value in found
    }
