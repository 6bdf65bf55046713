"""A character's memory: its index opened when it is asked, its book filled in, and what is told where one lacks."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from roleplay.cards.model import Card
from roleplay.dialogue import Turn
from roleplay.errors import StorageError, UsageError
from roleplay.knowledge.memory import Memory
from tests.knowledge.conftest import Bag, World, count

BOOK = {"entries": [{"keys": ["lamp"], "content": "{{char}} lit the lamp for {{user}}."}]}


def card(**fields: Any) -> Card:
    head = {"schema": 1, "name": "mira", "display_name": "Mira", "user_name": "Tom", "language": "en"}
    return Card.model_validate(head | fields)


def knowing(**fields: Any) -> Card:
    return card(knowledge=["world"], **fields)


def memory(card: Card, path: Path, context: int = 4096) -> Memory:
    return Memory(card, path, count, context)


def said(memory: Memory, text: str, **wishes: Any) -> tuple[str, ...]:
    return memory.recall(**wishes)([Turn("user", text)])


def test_what_the_files_say_and_what_the_book_says_come_to_mind(world: World) -> None:
    world.write(a="# Harbour\nThe bell rings twice.\n# Canteen\nSoup is hot.")
    world.build()
    both = memory(knowing(book=BOOK), world.index)
    assert said(both, "the bell and the lamp") == (
        "- lamp: Mira lit the lamp for Tom.",
        "- Harbour: The bell rings twice.",
    )
    (found,) = memory(knowing(), world.index).recall().found([Turn("user", "bell")])
    assert found.why == "found"
    assert (found.passage.place.file, found.passage.place.line) == ("a.md", 2)


def test_wishes_hold_for_one_chat(world: World) -> None:
    world.write(a="The bell rings twice.", b="The horn rings too.")
    world.build()
    mind = memory(knowing(), world.index)
    identity = mind.recall().found([Turn("user", "horn")])[0].passage.identity
    assert said(mind, "bell", pinned=[identity]) == ("- The horn rings too.", "- The bell rings twice.")
    assert said(mind, "rings", excluded=[identity]) == ("- The bell rings twice.",)
    assert len(said(mind, "rings")) == 2


def test_the_budget_is_a_share_of_the_context(world: World) -> None:
    world.write(a="The bell rings twice.", b="The bell rings thrice.")
    world.build()
    assert [len(said(memory(knowing(), world.index, context), "bell")) for context in (24, 28, 56)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("fields", "unread"),
    [
        ({"knowledge": ["world"]}, True),
        ({"book": BOOK}, False),
        ({}, False),
        (
            {
                "knowledge": ["world"],
                "prefixes": [{"id": "knowledge", "text": "{{knowledge}}", "place": "last_user", "default": False}],
            },
            False,
        ),
    ],
)
def test_books_that_were_never_read_are_told_where_they_would_be_asked(
    world: World, fields: dict[str, Any], unread: bool
) -> None:
    mind = memory(card(**fields), world.index)
    told = "the books of mira were not read yet: 'roleplay knowledge build mira' does that"
    assert mind.unread == (told if unread else "")
    assert said(mind, "bell") == ()
    world.write(a="The bell rings twice.")
    world.build()
    assert mind.unread == ""


def test_books_that_are_read_while_the_chat_is_open_are_asked_from_then_on(world: World) -> None:
    mind = memory(knowing(), world.index)
    assert said(mind, "bell") == ()
    world.write(a="The bell rings twice.")
    world.build()
    assert said(mind, "bell") == ("- The bell rings twice.",)
    world.write(b="The bell is old.")
    world.build()
    assert len(said(mind, "bell")) == 2


def test_a_card_that_names_no_books_opens_no_index(world: World) -> None:
    world.index.parent.mkdir(parents=True)
    world.index.write_text("no index at all")
    assert said(memory(card(book=BOOK), world.index), "lamp") == ("- lamp: Mira lit the lamp for Tom.",)


def test_an_index_of_another_version_is_one_error_until_it_is_built_again(world: World) -> None:
    world.write(a="The bell rings twice.")
    world.build()
    with sqlite3.connect(world.index) as connection:
        connection.execute("PRAGMA user_version = 1")
    mind = memory(knowing(), world.index)
    for _ in range(2):
        with pytest.raises(StorageError, match=r"another version .* build it again with 'roleplay knowledge build mi"):
            mind.recall()
    world.build()
    assert said(mind, "bell") == ("- The bell rings twice.",)


def test_an_embedder_that_is_gone_is_an_error_until_it_is_there_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bag = Bag()
    world.write(a="The bell rings twice.", b="Zebra.")
    world.build(bag)
    there: dict[str | None, Bag] = {}

    def opened(reference: str | None) -> Bag:
        if reference not in there:
            raise UsageError(f"no {reference}")
        return there[reference]

    monkeypatch.setattr("roleplay.knowledge.memory.open_embedder", opened)
    mind = memory(knowing(), world.index)
    with pytest.raises(UsageError, match="no /models/bag"):
        mind.recall()
    there["/models/bag"] = bag
    assert len(said(mind, "bell")) == 2, "by vectors even what shares no word is found"


def test_a_chat_goes_on_with_the_book_of_the_card_it_was_begun_with() -> None:
    old = card(display_name="Old Mira", book=BOOK)
    new = memory(card(book={"entries": [{"keys": ["lamp"], "content": "The lamp is broken."}]}), Path("nowhere"))
    assert said(new, "lamp") == ("- lamp: The lamp is broken.",)
    assert said(new, "lamp", begun_with=old) == ("- lamp: Old Mira lit the lamp for Tom.",)
    assert said(new, "lamp", begun_with=card()) == ()
