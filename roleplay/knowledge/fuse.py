"""Rankings made into one, and a ranking made better by a score."""

from collections.abc import Callable, Iterable, Sequence

from roleplay.knowledge.passage import Found

_CONSTANT = 60
"""Of reciprocal rank fusion: how little the first places count more than those after them."""

Score = Callable[[str, Sequence[str]], Sequence[float]]
"""How well each of some texts fits a question; higher is better."""


def fuse(rankings: Iterable[Sequence[int]]) -> list[tuple[int, float]]:
    """The members of all rankings with the sum of 1 / (60 + rank), the highest first.

    Reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009): scores of different kinds need no common scale.
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, member in enumerate(ranking, 1):
            scores[member] = scores.get(member, 0.0) + 1 / (_CONSTANT + rank)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def rerank(question: str, found: Sequence[Found], score: Score) -> list[Found]:
    """What was found, ordered by `score` of each passage's text; equal ones stay in their order."""
    scores = score(question, [one.passage.text for one in found])
    order = sorted(range(len(found)), key=lambda i: -scores[i])
    return [found[i] for i in order]
