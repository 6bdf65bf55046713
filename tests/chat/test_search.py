"""Turns of all chats are found by their words, in every script, whatever is typed."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.chat.database import MIGRATIONS
from roleplay.chat.search import Found, search
from roleplay.chat.store import ChatStore
from roleplay.errors import StorageError
from roleplay.findable import places, read_query, spaced
from roleplay.paths import Home
from tests.chat.test_chat_migration import FIRST_VERSION

LINES = (
    "我今天去了图书馆，看书。",
    'The Café was "closed", don\'t ask.',
    "Closing time: the old bridge 😀",
    "ひらがなとカタカナ",
    "ＡＢＣ 和 안녕하세요",
)


@pytest.fixture
def store() -> ChatStore:
    """One chat in which each of the lines was said."""
    store = ChatStore(Path(":memory:"))
    chat, turn = store.new_chat("mira"), None
    for line in LINES:
        turn = store.add(chat, turn, "user", line)
    return store


def lines(store: ChatStore, query: str, **options: object) -> list[int]:
    """Which of the lines are found."""
    return sorted(found.turn - 1 for found in search(store, query, **options))  # type: ignore[arg-type]


def marked(found: Found) -> list[str]:
    return [found.snippet[start:end] for start, end in found.places]


@pytest.mark.parametrize(
    ("query", "there"),
    [
        ("书", [0]),
        ("图书", [0]),
        ("图书馆", [0]),
        ("馆图", []),
        ("书馆看", [0]),
        ("今天 看书", [0]),
        ("今天 明天", []),
        ("cafe", [1]),
        ("CAFÉ", [1]),
        ("clos", [1, 2]),
        ("losed", []),
        ("don't", [1]),
        ("the clos", [1, 2]),
        ('"the old"', [2]),
        ("“the old”", [2]),
        ('"old the"', []),
        ('"the ol"', []),
        ('"the old', [2]),
        ("😀", [2]),
        ("カタ", [3]),
        ("abc", [4]),
        ("녕하", [4]),
        ("图书ABC", []),
    ],
)
def test_words_of_every_script_are_found(store: ChatStore, query: str, there: list[int]) -> None:
    assert lines(store, query) == there


SIGNS = ("", " ", '"', '""', "*", "-", "^", "(", ")", "()", "'", ";--", "+", "\\", "\x00", "\ud800", "…", "_", "“")
SYNTAX = (
    "AND",
    "OR NOT",
    "NEAR(",
    "NEAR(old bridge, 2)",
    "text:old",
    "{text}: old",
    "old AND (",
    "old*",
    "^old",
    '"old" "',
)


@pytest.mark.parametrize("query", [*SIGNS, *SYNTAX, "old " * 3000, " ".join(f"w{i}" for i in range(3000))])
def test_nothing_that_is_typed_is_an_error(store: ChatStore, query: str) -> None:
    assert all(isinstance(found, Found) for found in search(store, query))


@given(st.text(max_size=60))
def test_any_text_can_be_looked_for_and_is_found_where_it_was_said(text: str) -> None:
    store = ChatStore(Path(":memory:"))
    store.add(store.new_chat("mira"), None, "user", text)
    cleaned = store.turns(1)[0].text

    for query in (cleaned, cleaned.replace('"', " "), cleaned[: len(cleaned) // 2]):
        assert len(search(store, query)) == bool(read_query(query))
    assert [found.turn for found in search(store, f'"{spaced(cleaned)}"')] == [1] * bool(spaced(cleaned))
    store.close()


def test_what_was_found_is_told_with_its_place(store: ChatStore) -> None:
    (found,) = search(store, "图书 看")

    assert (found.chat, found.turn, found.character, found.role) == (1, 1, "mira", "user")
    assert found.when == store.turns(1)[0].created
    assert found.snippet == LINES[0]
    assert marked(found) == ["图书", "看"]


def test_a_long_turn_is_shown_around_its_first_match(store: ChatStore) -> None:
    store.add(1, None, "user", f"{'before ' * 40}\n\nthe lantern\n[b]shone[/b] {'after ' * 40}")

    (found,) = search(store, "lant")

    assert found.snippet.startswith("…")
    assert found.snippet.endswith("…")
    assert "\n" not in found.snippet
    assert "the lantern [b]shone[/b] after" in found.snippet
    assert len(found.snippet) <= 130
    assert marked(found) == ["lantern"]


def test_places_that_overlap_are_one() -> None:
    assert places("图书图书馆", read_query("图书图 书图书馆")) == [(0, 5)]


def test_the_newest_come_first_and_no_more_than_asked_for(store: ChatStore) -> None:
    other = store.new_chat("yui")
    for number in range(5):
        store.add(other, None, "user", f"the old song {number}")

    assert [found.turn for found in search(store, "old", limit=3)] == [10, 9, 8]
    assert [found.turn for found in search(store, "old", character="mira")] == [3]
    assert search(store, "old", character="nobody") == []


def test_a_turn_is_found_as_it_was_written_last(store: ChatStore) -> None:
    half = store.add(1, 1, "assistant", "Well, the lan", lane="persona", stopped="cut")
    store.rewrite(half, "Well, the harbour.", "end")

    assert lines(store, "harbour") == [half - 1]
    assert lines(store, '"lan"') == []


def test_a_deleted_turn_is_not_found_until_that_is_undone(store: ChatStore) -> None:
    store.mark(1, beside=False, taken=False, deleted=True)
    assert lines(store, "图书馆") == []
    store.mark(1, beside=False, taken=False, deleted=False)
    assert lines(store, "图书馆") == [0]


def test_what_stands_beside_is_found_too(store: ChatStore) -> None:
    store.add(1, 5, "assistant", "harbour", lane="base", beside=True, head=False)

    assert lines(store, "harbour") == [5]


def test_a_removed_chat_leaves_no_word_behind(store: ChatStore) -> None:
    store.remove([1])

    assert search(store, "图书馆") == []
    assert store.database.rows("SELECT count(*) FROM words") == [(0,)]


def test_a_turn_that_cannot_be_kept_leaves_no_word_behind(store: ChatStore) -> None:
    with pytest.raises(StorageError):
        store.add(1, 99, "user", "harbour")

    assert store.database.rows("SELECT count(*) FROM words") == [(len(LINES),)]


@pytest.mark.parametrize("version", [1, 3])
def test_turns_of_an_old_file_are_found(home: Home, version: int) -> None:
    home.root.mkdir()
    database = sqlite3.connect(home.chats, isolation_level=None)
    database.executescript(FIRST_VERSION)
    for number, statements in enumerate(MIGRATIONS[1:version], 2):
        for statement in statements:
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {number}")
    database.close()

    store = ChatStore(home.chats)

    assert [(found.turn, found.character) for found in search(store, "在")] == [(2, "yui")]
    assert [found.turn for found in search(store, "hello")] == [5]
    assert store.database.rows("PRAGMA user_version") == [(len(MIGRATIONS),)]
