"""A card's book: which entries come to mind, in which order, how much of them, and what a stranger's may hold."""

import time
from collections.abc import Sequence
from typing import Any

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from roleplay.cards.macros import resolve
from roleplay.dialogue import Turn
from roleplay.knowledge.book import Book, read_book
from tests.knowledge.conftest import count

PLENTY = 10_000


def fill(text: str) -> str:
    return resolve(text, "Mira", "Tom")


def book(*entries: dict[str, Any], **options: Any) -> Book:
    """A book of these entries, which say `soup` where they do not say what they say."""
    read = read_book({"entries": [{"content": "soup"} | entry for entry in entries]} | options, fill)
    assert read is not None
    return read


def turns(*texts: str) -> list[Turn]:
    return [Turn("assistant" if i % 2 else "user", text) for i, text in enumerate(texts)]


def said(book: Book, *texts: str, budget: int = PLENTY) -> list[str]:
    """What comes to mind with turns of these texts."""
    return [entry.text for entry in book.recall(turns(*texts), count, budget)]


def recalls(entry: dict[str, Any], text: str) -> bool:
    return said(book(entry), text) == ["soup"]


@pytest.mark.parametrize(
    ("entry", "text", "comes"),
    [
        ({"keys": ["Lamp"]}, "the old LAMP.", True),
        ({"keys": ["lamp"]}, "the harbour", False),
        ({"keys": ["harbour", "lamp"]}, "a lamp", True),
        ({"keys": ["灯塔"]}, "那座灯塔还亮着吗？", True),
        ({"keys": ["straße"]}, "die STRASSE", True),
        ({"keys": [" lamp "]}, "lamplight", True),
        ({"keys": ["Lamp"], "case_sensitive": True}, "the lamp", False),
        ({"keys": ["Lamp"], "case_sensitive": True}, "the Lamp", True),
        ({"keys": ["lamp"], "enabled": False}, "lamp", False),
        ({"keys": ["lamp"], "enabled": True}, "lamp", True),
        ({"keys": ["{{char}}"]}, "where is mira?", True),
        ({"keys": ["a.c"]}, "abc", False),
        ({"keys": ["/lamp/"]}, "lamp", False),
    ],
)
def test_a_key_that_is_spoken_brings_its_entry(entry: dict[str, Any], text: str, comes: bool) -> None:
    other = {"keys": ["nothing"], "content": "keeps the book from being empty"}
    assert said(book(other, entry), text) == (["soup"] if comes else [])


@pytest.mark.parametrize(
    ("more", "text", "comes"),
    [
        ({"selective": True, "secondary_keys": ["night"]}, "the lamp", False),
        ({"selective": True, "secondary_keys": ["night"]}, "the night", False),
        ({"selective": True, "secondary_keys": ["dusk", "night"]}, "the lamp at NIGHT", True),
        ({"selective": False, "secondary_keys": ["night"]}, "the lamp", True),
        ({"secondary_keys": ["night"]}, "the lamp", True),
        ({"selective": True, "secondary_keys": []}, "the lamp", True),
        ({"selective": True, "secondary_keys": ["{{user}}"]}, "the lamp of tom", True),
    ],
)
def test_where_an_entry_is_selective_one_of_its_secondary_keys_is_needed_too(
    more: dict[str, Any], text: str, comes: bool
) -> None:
    assert recalls({"keys": ["lamp"]} | more, text) is comes


def test_a_constant_entry_is_always_in_mind_and_needs_no_key() -> None:
    assert recalls({"constant": True}, "anything")
    assert recalls({"constant": True, "keys": ["lamp"], "selective": True, "secondary_keys": ["night"]}, "anything")
    assert said(book({"constant": True})) == ["soup"]
    assert not recalls({"constant": "yes", "keys": ["lamp"]}, "anything")


@pytest.mark.parametrize(
    ("key", "exact", "text", "comes"),
    [
        (r"/lam?ps?\b/i", True, "two LAPS", True),
        (r"/lam?ps?\b/", True, "two LAPS", False),
        (r"/lam?ps?\b/", False, "two LAPS", True),
        (r"lam?ps?\b", True, "two laps", True),
        ("^lamp$", False, "a lamp", False),
        ("a/b", False, "a/b", True),
        ("/a/b/", False, "see a/b", True),
        ("/usr/2", False, "in /usr/2", True),
        ("/usr/2", False, "usr", False),
        ("(lamp", False, "(lamp", False),
        ("(?a)(?u)lamp", False, "lamp", False),
        (r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}", False, "on 1921-04-01T05:10", True),
        (".{0,300}lamp.{0,300}", False, "the lamp", True),
        (r"\(?xbox\)?", False, "(XBox)", True),
        ("(?P<x>lamp)(?:x|(?P=x))?", False, "lamp", True),
    ],
)
def test_keys_may_be_patterns(key: str, exact: bool, text: str, comes: bool) -> None:
    assert recalls({"keys": [key], "use_regex": True, "case_sensitive": exact}, text) is comes


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "(?:a|a?)+$", "(a|b|ab)*c", "(?R)", "(?1)(a(?1)b)", "(" * 250 + ")" * 250, "[" * 500],
)
def test_a_pattern_that_never_ends_is_given_up(pattern: str) -> None:
    hostile = book(*[{"keys": [pattern + "?" * i for i in range(5)], "use_regex": True}] * 5, {"keys": ["x"]})
    begun = time.process_time()
    assert said(hostile, "a" * 3000 + " abc x")[-1:] == ["soup"]
    assert time.process_time() - begun < 0.5


@pytest.mark.parametrize(
    "pattern",
    [
        "((((a{99}){99}){99}){99})b",
        "(a{1000}){1000}",
        "((((((a{9}){9}){9}){9}){9}){9})",
        "(?:(?:a{1000}?){1,}b){1000,}",
        "a{0999999}",
        "(?x)(a{ 1000 }){ 1000 }",
        "(?V1x)(a{1 0 0 0}){1 0 0 0}",
        "(?i-s)(?x:(a{#\n1000}){#\n1000})",
        r"\\(?x)(a{1 0 0 0}){1 0 0 0}",
    ],
)
def test_a_pattern_that_would_fill_the_memory_is_not_even_read(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(regex, "search", lambda pattern, *rest, **options: read.append(pattern))
    assert said(book({"keys": [pattern, "(a{9}){9}"], "use_regex": True}), "a") == []
    assert read == ["(a{9}){9}"]


def test_entries_stand_in_their_order_and_equal_ones_as_in_the_book() -> None:
    orders = [("third", 7.5), ("first", -1), ("second", None), ("and again", 0)]
    entries = [{"constant": True, "content": text, "insertion_order": order} for text, order in orders]
    assert said(book(*entries)) == ["first", "second", "and again", "third"]


def test_what_is_least_urgent_is_left_out_where_there_is_no_room_for_all() -> None:
    short = {"constant": True, "content": "one two", "insertion_order": 1, "priority": 1}
    urgent = {"constant": True, "content": "three four five", "insertion_order": 2, "priority": 9}
    plain = {"constant": True, "content": "six seven", "insertion_order": 3}
    full = book(short, urgent, plain)
    assert said(full, budget=7) == ["one two", "three four five", "six seven"]
    assert said(full, budget=6) == ["three four five", "six seven"]
    assert said(full, budget=4) == ["one two", "six seven"], "what has room behind a long one still comes"
    assert said(full, budget=1) == []


@pytest.mark.parametrize(
    ("told", "budget", "kept"),
    [(3, PLENTY, 1), (4, PLENTY, 2), (PLENTY, 3, 1), (0, 4, 2), (-5, 4, 2), (None, 4, 2), ("3", 4, 2), (True, 4, 2)],
)
def test_the_book_takes_no_more_than_it_says_and_no_more_than_there_is(told: Any, budget: int, kept: int) -> None:
    two = book({"constant": True, "content": "a b"}, {"constant": True, "content": "c d"}, token_budget=told)
    assert len(said(two, budget=budget)) == kept


@pytest.mark.parametrize(("depth", "found"), [(1, 0), (2, 1), (3, 1), (None, 1), (0, 1), ("1", 1), (1e300, 1)])
def test_so_many_of_the_last_turns_are_looked_through_as_the_book_says(depth: Any, found: int) -> None:
    assert len(said(book({"keys": ["lamp"]}, scan_depth=depth), "a", "the lamp", "c")) == found


def test_four_turns_are_looked_through_where_the_book_does_not_say() -> None:
    lamp = book({"keys": ["lamp"]})
    assert [len(said(lamp, "lamp", *"bcde"[:more])) for more in (3, 4)] == [1, 0]


CHAIN: Sequence[dict[str, Any]] = [
    {"keys": [f"word{i}"], "content": f"It says word{i + 1}.", "insertion_order": i} for i in range(6)
]


def test_what_came_to_mind_brings_up_more_where_the_book_is_recursive() -> None:
    assert said(book(*CHAIN), "word0") == ["It says word1."]
    assert said(book(*CHAIN, recursive_scanning="yes"), "word0") == ["It says word1."]
    deep = said(book(*CHAIN, recursive_scanning=True), "word0")
    assert deep == ["It says word1.", "It says word2.", "It says word3.", "It says word4."]


def test_entries_that_bring_up_each_other_come_once() -> None:
    circle = book({"keys": ["egg"], "content": "hen"}, {"keys": ["hen"], "content": "egg"}, recursive_scanning=True)
    assert said(circle, "egg") == ["hen", "egg"]


def test_names_are_filled_in_and_instructions_to_programs_are_left_out() -> None:
    text = "@@depth 4\n{{char}} cooks for {{user}}.\n  @@role system\nIt is \x1b[31mhot\u202e.\r\nYes."
    lore = book({"keys": ["soup"], "content": text, "name": "{{char}}'s\nkitchen"}, {"keys": ["pot"]})
    (entry,) = lore.recall(turns("soup"), count, PLENTY)
    assert entry.text == "Mira cooks for Tom.\nIt is [31mhot.\nYes."
    assert entry.name == "Mira's kitchen"
    assert lore.entries[1].name == "pot"


def test_entries_as_numbered_files_hold_them_are_read() -> None:
    numbered = read_book(
        {"entries": {"1": {"keys": ["a"], "content": "x"}, "0": {"keys": ["b"], "content": "y"}}}, fill
    )
    assert numbered is not None
    assert [entry.text for entry in numbered.entries] == ["x", "y"]


def test_an_entry_is_found_again_by_what_its_passage_is_called() -> None:
    lore = book({"keys": ["a"], "name": "A"}, {"keys": ["b"], "name": ""}, {"constant": True, "content": "x"})
    passages = [entry.as_passage(count) for entry in lore.entries]
    assert [passage.place.shown for passage in passages] == ["book · A", "book · b", "book · 3"]
    assert lore.by_identity([passages[2].identity, "gone", passages[0].identity]) == [lore.entries[0], lore.entries[2]]
    assert passages[0].tokens == 1


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"entries": None},
        {"entries": "soup"},
        {"entries": []},
        {"entries": [None, 1, "x", []]},
        {"entries": [{"keys": ["a"]}]},
        {"entries": [{"keys": ["a"], "content": 5}]},
        {"entries": [{"keys": ["a"], "content": " \n\x1b"}]},
        {"entries": [{"keys": ["a"], "content": "@@only\n@@instructions"}]},
        {"entries": [{"keys": "a", "content": "x"}]},
        {"entries": [{"keys": ["", " ", 5, None], "content": "x"}]},
        {"entries": [{"keys": ["a"], "content": "x", "enabled": False}]},
    ],
)
def test_a_book_from_which_nothing_can_come_is_none(value: dict[str, Any] | None) -> None:
    assert read_book(value, fill) is None


FIELDS = [
    *("keys", "secondary_keys", "content", "enabled", "selective", "constant", "case_sensitive", "use_regex"),
    *("insertion_order", "priority", "name"),
]
texts = st.text(max_size=20) | st.sampled_from(["a", "(", "[", "{{char}}", "/a/i", "@@x", "a{9}"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
entries = st.dictionaries(st.sampled_from(FIELDS), anything, max_size=len(FIELDS)) | st.fixed_dictionaries(
    {"content": texts, "keys": st.lists(anything, max_size=4), "use_regex": st.booleans(), "constant": st.booleans()},
    optional={name: anything for name in FIELDS if name not in ("content", "keys", "use_regex", "constant")},
)
books = st.fixed_dictionaries(
    {"entries": st.lists(entries, max_size=4) | anything},
    optional=dict.fromkeys(("scan_depth", "token_budget", "recursive_scanning"), anything),
)


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan"), 10**400, -(10**400), True, "7"])
def test_a_number_that_is_none_is_as_good_as_not_given(number: Any) -> None:
    plain = {"keys": ["lamp"], "content": "one two"}
    odd = book(plain | {"insertion_order": number, "priority": number}, scan_depth=number, token_budget=number)
    assert odd == book(plain)


@given(books, st.lists(texts, max_size=6), st.integers(0, 40))
def test_whatever_a_book_holds_nothing_is_an_error_and_the_budget_is_kept(
    value: dict[str, Any], said: list[str], budget: int
) -> None:
    read = read_book(value, fill)
    recalled = read.recall(turns(*said), len, budget) if read is not None else []
    assert sum(len(entry.text) for entry in recalled) <= budget
    assert len({entry.number for entry in recalled}) == len(recalled)


def test_a_book_of_a_hundred_thousand_entries_is_read_as_far_as_it_goes() -> None:
    entries = [{"keys": [f"key{i}."], "content": f"entry {i}"} for i in range(100_000)]
    begun = time.process_time()
    vast = read_book({"entries": entries}, fill)
    assert vast is not None
    assert len(vast.entries) == 2_000
    assert said(vast, "key1999. key2000.") == ["entry 1999"]
    assert time.process_time() - begun < 0.5


def test_of_what_was_said_the_end_is_looked_through() -> None:
    lamp = book({"keys": ["lamp"]})
    assert said(lamp, "lamp" + "z" * 2**15) == []
    assert said(lamp, "z" * 2**20 + "lamp") == ["soup"]
