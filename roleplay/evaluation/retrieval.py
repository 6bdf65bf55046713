"""How well an index finds the passages that labelled questions ask for; no model answers."""

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from roleplay.evaluation.known_questions import KnownQuestion
from roleplay.knowledge.embed import Embedder
from roleplay.knowledge.passage import Passage
from roleplay.knowledge.search import Index

DEPTH = 10
"""Places that are looked at: further back, a passage counts as not found."""


@dataclass(frozen=True)
class Retrieval:
    """One way of search over the questions of one kind."""

    way: str
    """`words`, `vectors`, or `fused` for both."""
    kind: str
    """`plain`, `paraphrase`, or `all`."""
    questions: int
    """That have an answer."""
    recall_1: float
    """Share whose passage comes first."""
    recall_5: float
    """Share whose passage is among the first five."""
    mrr: float
    """Mean of 1 / place, 0 from the eleventh on."""
    median_ms: float
    """Of a search, in milliseconds."""


def retrieval(index: Index, questions: Sequence[KnownQuestion], embedder: Embedder | None) -> list[Retrieval]:
    """Every way that the index has, the kinds of each and all; questions without an answer are not asked.

    Raises StorageError.
    """
    asked = [question for question in questions if question.answerable]
    ways: dict[str, dict[str, Any]] = {"words": {}}
    if embedder is not None:
        ways |= {"vectors": {"embedder": embedder, "text": False}, "fused": {"embedder": embedder}}
    rows: list[Retrieval] = []
    for way, options in ways.items():
        places = [_asked(index, question, options) for question in asked]
        for kind in (*dict.fromkeys(question.kind for question in asked), "all"):
            some = [place for question, place in zip(asked, places, strict=True) if kind in (question.kind, "all")]
            if some:
                rows.append(_row(way, kind, some))
    return rows


def not_indexed(index: Index, questions: Sequence[KnownQuestion]) -> list[KnownQuestion]:
    """Those whose evidence stands whole in no passage: of another edition of the books, or cut apart."""
    every = index.every()
    asked = (question for question in questions if question.answerable)
    return [question for question in asked if not any(answers(question, passage) for passage in every)]


def answers(question: KnownQuestion, passage: Passage) -> bool:
    """Whether a passage is of the right book and holds the evidence, white space apart."""
    return passage.place.file == question.file and "".join(question.evidence.split()) in "".join(passage.text.split())


def table(rows: Sequence[Retrieval]) -> Iterator[str]:
    """A line a row, below a heading."""
    yield f"{'way':<8} {'kind':<11} {'questions':>9} {'recall@1':>9} {'recall@5':>9} {f'MRR@{DEPTH}':>7} {'median':>9}"
    for row in rows:
        shares = f"{row.recall_1:>9.1%} {row.recall_5:>9.1%} {row.mrr:>7.3f}"
        yield f"{row.way:<8} {row.kind:<11} {row.questions:>9} {shares} {row.median_ms:>6.1f} ms"


def _asked(index: Index, question: KnownQuestion, options: dict[str, Any]) -> tuple[int | None, float]:
    """The place of the first right passage, from 1, and milliseconds."""
    begun = time.perf_counter()
    found = index.search(question.question, DEPTH, **options)
    took = 1000 * (time.perf_counter() - begun)
    return next((place for place, one in enumerate(found, 1) if answers(question, one.passage)), None), took


def _row(way: str, kind: str, told: Sequence[tuple[int | None, float]]) -> Retrieval:
    places = [place for place, _ in told if place is not None]
    first, five = (sum(place <= k for place in places) / len(told) for k in (1, 5))
    mrr = sum(1 / place for place in places) / len(told)
    return Retrieval(way, kind, len(told), first, five, mrr, statistics.median(took for _, took in told))
