"""What comes to mind with turns: wishes first, lore, then what search finds; each once, within the budget."""

from collections.abc import Collection, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.dialogue import Turn
from roleplay.knowledge.book import Book, read_book
from roleplay.knowledge.embed import Embedder
from roleplay.knowledge.passage import Found, Passage, Place, Recalled
from roleplay.knowledge.recall import K, Recall, as_told, passage_budget
from tests.knowledge.conftest import count

PLENTY = 10_000


def passage(text: str, *headings: str, start: int = 0) -> Passage:
    return Passage(text, count(text), Place("world.md", headings, None, None, start, start + len(text)))


class Shelf:
    """Stands where an index does: what it has comes in its order, whatever is asked; it notes the questions."""

    def __init__(self, *texts: str) -> None:
        self.passages = [passage(text, start=i) for i, text in enumerate(texts)]
        self.asked: list[Sequence[str]] = []

    def search(self, question: str | Sequence[str], k: int, *, embedder: Embedder | None) -> list[Found]:
        self.asked.append([question] if isinstance(question, str) else list(question))
        return [Found(one, 1 / (60 + i), i, None) for i, one in enumerate(self.passages[:k], 1)]

    def by_identity(self, identities: Collection[str]) -> list[Passage]:
        return [one for one in self.passages if one.identity in identities]

    def identities(self, *texts: str) -> list[str]:
        return [passage(text).identity for text in texts]


def lore(**entries: str) -> Book:
    """A book of entries by their key."""
    listed = [{"keys": [key], "content": text} for key, text in entries.items()]
    book = read_book({"entries": listed, "scan_depth": 2}, str)
    assert book is not None
    return book


def user(*texts: str) -> list[Turn]:
    return [Turn("user", text) for text in texts]


def told(recalled: Sequence[Recalled]) -> list[tuple[str, str]]:
    return [(one.why, one.passage.text) for one in recalled]


def test_the_pinned_come_first_then_lore_then_what_is_found() -> None:
    shelf = Shelf(*"abcdefgh")
    recall = Recall(shelf, lore(lamp="The lamp."), count, PLENTY, pinned=shelf.identities("h", "c"))
    pinned = [("pinned", "h"), ("pinned", "c")]
    found = recall.found(user("the lamp"))
    assert told(found) == [*pinned, ("book", "The lamp."), *(("found", text) for text in "abde")]
    assert [one.score for one in found[:4]] == [None, None, None, 1 / 61]
    assert told(recall.found(user("x")))[:3] == [*pinned, ("found", "a")]
    assert told(recall.found([]))[:3] == pinned


def test_an_entry_of_the_book_is_pinned_and_left_out_as_any_passage() -> None:
    book = lore(lamp="The lamp.", pot="The pot.")
    lamp = book.entries[0].as_passage(count)
    pinned = Recall(None, book, count, PLENTY, pinned=[lamp.identity, "gone"])
    assert pinned.found(user("the pot"))[0] == Recalled(lamp, "pinned")
    assert told(pinned.found(user("the pot, the lamp"))) == [("pinned", "The lamp."), ("book", "The pot.")]
    without = Recall(None, book, count, PLENTY, excluded=[lamp.identity])
    assert told(without.found(user("the pot, the lamp"))) == [("book", "The pot.")]


def test_the_excluded_never_come_and_others_take_their_place() -> None:
    shelf = Shelf(*"abcdefgh")
    recall = Recall(shelf, None, count, PLENTY, excluded=shelf.identities("a", "c"), pinned=shelf.identities("c"))
    assert [text for _, text in told(recall.found(user("x")))] == ["b", "d", "e", "f", "g"]


def test_search_brings_a_few() -> None:
    shelf = Shelf(*"abcdefgh")
    for excluded in ([], ["not found"]):
        assert len(Recall(shelf, None, count, PLENTY, excluded=excluded).found(user("x"))) == K == 5


def test_what_says_the_same_comes_once() -> None:
    shelf = Shelf("twin", "twin", "other")
    assert [text for _, text in told(Recall(shelf, None, count, PLENTY).found(user("x")))] == ["twin", "other"]


def test_what_is_too_long_makes_way_for_what_comes_after_it() -> None:
    shelf = Shelf("one two three four five six", "seven", "eight nine")
    # Each costs its words, the dash before it and the line's end.
    kept = [[text for _, text in told(Recall(shelf, None, count, room).found(user("x")))] for room in (11, 8, 7, 4, 2)]
    assert kept == [[shelf.passages[0].text, "seven"], [shelf.passages[0].text], ["seven", "eight nine"], ["seven"], []]


def test_a_passage_is_told_behind_its_last_heading() -> None:
    assert as_told(passage("Rings twice.", "Harbour", "Bells")) == "- Bells: Rings twice."
    assert as_told(passage("Rings twice.")) == "- Rings twice."
    recall = Recall(Shelf("Rings twice."), lore(lamp="The lamp."), count, PLENTY)
    assert recall(user("lamp")) == ("- lamp: The lamp.", "- Rings twice.")


def test_it_is_asked_with_the_last_turns_and_not_with_a_system_turn() -> None:
    shelf = Shelf("a")
    recall = Recall(shelf, None, count, PLENTY)
    recall.found([Turn("system", "s"), *user("1", "2")])
    recall.found([*user("1", "2"), Turn("assistant", "3"), *user("4")])
    recall.found([Turn("system", "s")])
    assert shelf.asked == [["1", "2"], ["2", "3", "4"]]


def test_the_book_looks_through_as_many_turns_as_it_says() -> None:
    deep = read_book({"scan_depth": 5, "entries": [{"keys": ["lamp"], "content": "The lamp."}]}, str)
    shelf = Shelf()
    recall = Recall(shelf, deep, count, PLENTY)
    assert [len(recall.found(user("lamp", *"bcdef"[:more]))) for more in (4, 5)] == [1, 0]
    assert shelf.asked == [["c", "d", "e"], ["d", "e", "f"]]


def test_the_same_last_turns_are_searched_once_and_bring_the_same() -> None:
    shelf = Shelf(*"abc")
    recall = Recall(shelf, None, count, PLENTY)
    first = recall.found(user("old", "1", "2", "3"))
    shelf.passages.reverse()
    assert recall.found(user("older", "1", "2", "3")) == first
    assert recall(user("1", "2", "3")) == ("- a", "- b", "- c")
    assert len(shelf.asked) == 1
    assert recall.found(user("1", "2", "4")) != first


def test_at_most_sixty_four_are_remembered() -> None:
    shelf = Shelf("a")
    recall = Recall(shelf, None, count, PLENTY)
    for i in range(70):
        recall.found(user(str(i)))
    assert len(recall._known) == 64
    recall.found(user("69"))
    assert len(shelf.asked) == 70
    recall.found(user("0"))
    assert len(shelf.asked) == 71


@pytest.mark.parametrize(("context", "budget"), [(128, 32), (2048, 512), (4096, 1024), (131_072, 1024)])
def test_passages_leave_three_quarters_of_the_context_to_the_chat(context: int, budget: int) -> None:
    assert passage_budget(context) == budget


texts = st.lists(st.text("ab 灯", min_size=1, max_size=12), max_size=8)


@given(texts, texts, st.integers(-1, 60), st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9)))
def test_the_budget_is_kept_each_comes_once_and_no_excluded_one_does(
    found: list[str], keyed: list[str], budget: int, pinned: set[int], excluded: set[int]
) -> None:
    shelf = Shelf(*found)
    book = read_book({"entries": [{"constant": True, "content": text} for text in keyed]}, str)
    every = [*shelf.passages, *(entry.as_passage(len) for entry in (book.entries if book else ()))]
    wished, unwished = ([one.identity for i, one in enumerate(every) if i in chosen] for chosen in (pinned, excluded))
    recall = Recall(shelf, book, len, budget, pinned=wished, excluded=unwished)
    recalled = recall.found(user("a"))
    told = recall(user("a"))

    assert len("".join(f"{text}\n" for text in told)) <= max(budget, 0)
    identities = [one.passage.identity for one in recalled]
    assert len(set(identities)) == len(identities)
    assert not set(identities) & set(unwished)
    ways = [one.why for one in recalled]
    assert ways == sorted(ways, key=("pinned", "book", "found").index)
    assert Recall(shelf, book, len, budget, pinned=wished, excluded=unwished).found(user("a")) == recalled
