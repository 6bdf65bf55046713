"""What a hash decides: what is held out, and which part of a corpus an epoch takes."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TypeVar

from roleplay.cards.model import Prefix
from roleplay.dialogue import Dialogue
from roleplay.text import draw

HELDOUT_SHARE = 0.1
T = TypeVar("T")


def heldout_identities(dialogues: Iterable[Dialogue]) -> set[str]:
    """A tenth of the dialogues; openings alone are never held out."""
    return heldout_of(dialogue.identity for dialogue in dialogues if len(dialogue.turns) > 1)


def heldout_of(identities: Iterable[str]) -> set[str]:
    """A tenth of them, by a hash of their text: the same ones whatever is added or reordered.

    Where chance picks none of several, the one nearest to being picked; never all.
    """
    scores = {identity: draw(identity, "heldout") for identity in identities}
    out = {identity for identity, score in scores.items() if score < HELDOUT_SHARE}
    if not out and len(scores) > 1:
        out = {min(scores, key=lambda identity: scores[identity])}
    if out and len(out) == len(scores):
        out.remove(max(scores, key=lambda identity: scores[identity]))
    return out


def passes(units: Sequence[T], weight: float, score: Callable[[T], float]) -> Iterator[tuple[int, T]]:
    """(copy, unit) pairs of an epoch: whole passes, and for the rest of the weight the units of lowest `score`.

    No corpus is so small that an epoch leaves it out.
    """
    whole = int(weight)
    for copy in range(whole):
        yield from ((copy, unit) for unit in units)
    rest = rest_of(weight, len(units))
    if rest:
        yield from ((whole, unit) for unit in sorted(units, key=score)[:rest])


def rest_of(weight: float, units: int) -> int:
    """How many of `units` an epoch takes beyond its whole passes; at least one where there is no whole pass."""
    whole = int(weight)
    return round((weight - whole) * units) or int(whole == 0)


def drawn_prefixes(prefixes: Sequence[Prefix], parts: Collection[object], *, together: bool = False) -> tuple[str, ...]:
    """Ids of the prefixes that a sample named by `parts` carries, each with its own probability.

    With `together` one draw is for all of them: those of equal probability come and go as one.
    """
    return tuple(p.id for p in prefixes if draw(*parts, "prefix", "" if together else p.id) < p.train_probability)
