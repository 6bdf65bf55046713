"""How well labelled questions find their passages, on an index small enough to rank by hand."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from roleplay.evaluation.known_questions import KnownQuestion
from roleplay.evaluation.retrieval import Retrieval, answers, not_indexed, retrieval, table
from roleplay.knowledge.passage import Passage, Place
from roleplay.knowledge.search import Index
from tests.knowledge.conftest import Bag, World

BOOK = """# Harbour
The lighthouse lamp turns twice.
# Quay
The ferry bell rings at dusk.
# Canteen
Soup is served until nine."""


def known(question: str, evidence: str, kind: str = "plain", file: str = "book.md") -> KnownQuestion:
    return KnownQuestion(question, (evidence,), evidence, file, kind)  # type: ignore[arg-type]


QUESTIONS = [
    known("How does the lighthouse lamp turn?", "lamp  turns twice"),
    known("Ferry bell, ferry bell, or the lighthouse?", "lamp turns twice"),
    known("Where is coal kept?", "until nine", "paraphrase"),
    KnownQuestion("Who rings?", (), "", "", "unanswerable"),
]


class Hungry(Bag):
    """Takes every question for one about soup."""

    def questions(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return super().questions(["Canteen\nSoup is served until nine."] * len(texts))


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    world = World(tmp_path)
    world.write(book=BOOK)
    world.build(Bag(), budget=16)
    with Index(world.index) as opened:
        yield opened


def rows(found: list[Retrieval], way: str) -> dict[str, tuple[int, float, float, float]]:
    return {row.kind: (row.questions, row.recall_1, row.recall_5, row.mrr) for row in found if row.way == way}


def test_places_become_recall_and_reciprocal_rank_by_kind(index: Index) -> None:
    found = retrieval(index, QUESTIONS, None)

    assert rows(found, "words") == {
        "plain": (2, 0.5, 1.0, 0.75),
        "paraphrase": (1, 0, 0, 0),
        "all": (3, pytest.approx(1 / 3), pytest.approx(2 / 3), 0.5),
    }
    assert all(0 < row.median_ms < 1000 for row in found)


def test_every_way_of_an_index_with_vectors_is_asked(index: Index) -> None:
    found = retrieval(index, QUESTIONS, Hungry())

    assert list(dict.fromkeys(row.way for row in found)) == ["words", "vectors", "fused"]
    assert [rows(found, "vectors")[kind][1] for kind in ("plain", "paraphrase")] == [0, 1]
    assert [rows(found, "fused")[kind][1] for kind in ("plain", "paraphrase")] == [0.5, 1]
    assert rows(found, "words") == rows(retrieval(index, QUESTIONS, None), "words")


def test_evidence_that_no_passage_holds_is_named(index: Index) -> None:
    cut, other = known("A?", "turns twice. The ferry"), known("B?", "until nine", file="other.md")

    assert not_indexed(index, [*QUESTIONS, cut, other]) == [cut, other]


def test_a_passage_answers_from_its_own_book_only() -> None:
    passage = Passage("Soup is served\nuntil nine.", 6, Place("book.md", (), None, 1, 0, 26))

    assert answers(known("?", "served until nine"), passage)
    assert not answers(known("?", "until ten"), passage)
    assert not answers(known("?", "until nine", file="other.md"), passage)


def test_without_questions_there_are_no_rows(index: Index) -> None:
    assert retrieval(index, QUESTIONS[3:], None) == []


def test_the_table_has_a_line_a_row() -> None:
    assert list(table([Retrieval("words", "plain", 12, 0.5, 1, 0.75, 1.25)])) == [
        "way      kind        questions  recall@1  recall@5  MRR@10    median",
        "words    plain              12     50.0%    100.0%   0.750    1.2 ms",
    ]
