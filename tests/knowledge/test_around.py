"""A passage found again in its index, and among its neighbours."""

from dataclasses import replace

import pytest

from roleplay.knowledge.passage import Passage, Place
from roleplay.knowledge.search import Index
from tests.knowledge.conftest import World

NAMES = ["Adam", "Bess", "Carl", "Dora", "Emil", "Faye"]


@pytest.fixture
def index(world: World) -> Index:
    row = "\n".join(f"# {name}\n{name} stands here." for name in NAMES)
    world.write(row=row, other="Adam stands there too.\n# Nobody\nNobody else.", twin="# Dora\nDora stands here.")
    world.build(budget=16)
    return Index(world.index)


def found(index: Index, word: str, file: str = "row.md") -> Passage:
    return next(one.passage for one in index.search(word, 20) if one.passage.place.file == file)


def near(index: Index, passage: Passage, *reach: int) -> list[str]:
    """Who stands around, by the first word."""
    return [one.text.split()[0] for one in index.around(passage, *reach)]


@pytest.mark.parametrize(
    ("word", "reach", "stand"),
    [
        ("carl", 1, NAMES[1:4]),
        ("carl", 2, NAMES[:5]),
        ("adam", 2, NAMES[:3]),
        ("faye", 9, NAMES),
        ("carl", 0, ["Carl"]),
    ],
)
def test_a_passage_stands_between_its_neighbours_in_its_file(
    index: Index, word: str, reach: int, stand: list[str]
) -> None:
    passage = found(index, word)
    assert near(index, passage, reach) == stand
    assert index.around(passage, reach)[stand.index(word.title())] == passage


def test_where_it_is_not_said_how_far_it_stands_between_one_and_one(index: Index) -> None:
    assert near(index, found(index, "emil")) == NAMES[3:]


def test_a_passage_that_is_gone_stands_alone(index: Index, world: World) -> None:
    passage = found(index, "carl")
    elsewhere = replace(passage, place=replace(passage.place, file="gone.md"))
    assert index.around(elsewhere, 3) == [elsewhere]
    (world.folder / "row.md").unlink()
    world.build(budget=16)
    assert index.around(passage, 3) == [passage]


def test_identities_bring_their_passages_in_the_order_asked_for(index: Index) -> None:
    carl, adam, nobody = found(index, "carl"), found(index, "adam"), found(index, "nobody", "other.md")
    asked = [nobody.identity, "", carl.identity, "gone'); DROP TABLE passages;--", adam.identity]
    assert index.by_identity(asked) == [nobody, carl, adam]
    assert index.by_identity([]) == []


def test_of_passages_that_say_the_same_one_comes(index: Index) -> None:
    dora = found(index, "dora")
    (one,) = index.by_identity([dora.identity])
    assert (one.text, one.identity) == (dora.text, dora.identity)


def test_an_identity_depends_on_text_and_headings_alone() -> None:
    place = Place("a.md", ("Bells",), None, 3, 7, 20)
    passage = Passage("Rings twice.", 3, place)
    moved = Passage("Rings twice.", 9, replace(place, file="b.md", line=8, start=0))
    below = Passage("Rings twice.", 3, replace(place, headings=("Harbour", "Bells")))
    assert passage.identity == moved.identity
    assert len({passage.identity, below.identity, Passage("Rings.", 3, place).identity}) == 3
