"""Conversations as trees: heads, branches, half replies that grow, lists of chats, threads that share the file."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from roleplay.chat.store import ChatStore
from roleplay.errors import StorageError
from roleplay.paths import Home


@pytest.fixture
def store(home: Home) -> ChatStore:
    return ChatStore(home.chats)


def test_the_newest_turn_is_the_head_unless_it_stands_beside_the_path(store: ChatStore) -> None:
    chat = store.new_chat("yui")
    assert store.head(chat) is None
    said = store.add(chat, None, "user", "Hi")
    reply = store.add(chat, said, "assistant", "one", lane="persona+prefix")
    store.add(chat, said, "assistant", "ONE", lane="base", head=False)
    assert store.head(chat) == reply
    redrawn = store.add(chat, said, "assistant", "two", lane="persona+prefix")
    assert store.head(chat) == redrawn


def test_a_chat_that_is_not_there_has_no_head(store: ChatStore) -> None:
    assert store.head(99) is None


def test_heads_of_two_chats_are_their_own(store: ChatStore) -> None:
    chats = [store.new_chat("yui") for _ in range(2)]
    turns = [store.add(chat, None, "user", "Hi") for chat in chats]
    assert [store.head(chat) for chat in chats] == turns


def test_replies_to_a_turn_are_all_that_lanes_said_to_it(store: ChatStore) -> None:
    chat = store.new_chat("yui")
    said = store.add(chat, store.add(chat, None, "assistant", "Welcome."), "user", "Hi")
    one = store.add(chat, said, "assistant", "one", lane="persona+prefix", prefixes=["who"], stopped="end")
    store.add(chat, said, "assistant", "ONE", lane="base", head=False)
    store.add(chat, said, "user", "Are you there?")
    store.add(chat, one, "user", "And?")

    replies = store.replies_to(said)

    assert [(turn.text, turn.lane, turn.parent) for turn in replies] == [
        ("one", "persona+prefix", said),
        ("ONE", "base", said),
    ]
    assert (replies[0].prefixes, replies[0].stopped) == (("who",), "end")
    assert store.replies_to(one) == []


def test_a_half_reply_is_rewritten_in_its_place(store: ChatStore) -> None:
    chat = store.new_chat("yui")
    said = store.add(chat, None, "user", "Hi")
    half = store.add(chat, said, "assistant", "We", lane="base", stopped="cut")
    other = store.add(chat, said, "assistant", "Wo", lane="persona", stopped="cut", head=False)

    store.rewrite(half, "Well\x1b[2J!", "end")

    assert [(turn.id, turn.text, turn.stopped) for turn in store.replies_to(said)] == [
        (half, "Well[2J!", "end"),
        (other, "Wo", "cut"),
    ]
    assert store.head(chat) == half


def test_chats_are_listed_with_the_one_talked_in_last_first(store: ChatStore) -> None:
    one, other, third = (store.new_chat(name) for name in ("yui", "mike", "yui"))
    first = store.add(one, store.add(one, None, "assistant", "Welcome."), "user", "在吗")
    store.add(other, None, "user", "Hi")
    store.add(third, None, "user", "早")
    store.add(one, store.add(one, first, "assistant", "嗯", lane="base"), "user", "Again")

    chats = store.chats()

    assert [(chat.id, chat.character, chat.said, chat.opening) for chat in chats] == [
        (one, "yui", 2, "在吗"),
        (third, "yui", 1, "早"),
        (other, "mike", 1, "Hi"),
    ]
    assert chats[0].changed >= chats[1].changed >= chats[2].changed > 1.7e9
    assert [chat.id for chat in store.chats("yui")] == [one, third]
    assert store.chats("nobody") == []


def test_a_chat_in_which_the_person_said_nothing_is_not_listed(store: ChatStore) -> None:
    store.new_chat("yui")
    store.add(store.new_chat("yui"), None, "assistant", "Welcome.")

    assert store.chats() == []


def test_threads_share_one_store(store: ChatStore) -> None:
    """Each thread writes a conversation of its own while the others write and read."""
    gate = threading.Barrier(4)

    def talk(number: int) -> int:
        chat, turn = store.new_chat(f"c{number}"), None
        gate.wait()
        for i in range(15):
            turn = store.add(chat, turn, "user" if i % 2 == 0 else "assistant", f"{number}:{i}", lane=None)
            store.rewrite(turn, f"{number}/{i}", None)
            assert [said.text for said in store.path_to(turn)][-1] == f"{number}/{i}"
        return chat

    with ThreadPoolExecutor(4) as pool:
        chats = list(pool.map(talk, range(4)))

    for number, chat in enumerate(chats):
        assert [turn.text for turn in store.path_to(store.head(chat))] == [f"{number}/{i}" for i in range(15)]


def test_a_turn_whose_head_cannot_be_moved_is_not_kept_either(store: ChatStore) -> None:
    """Turn and head change together or not at all."""
    chat = store.new_chat("yui")
    said = store.add(chat, None, "user", "Hi")
    store.database._connection.execute(
        "CREATE TRIGGER refuse BEFORE UPDATE OF head ON chats BEGIN SELECT RAISE(FAIL, 'no room'); END"
    )

    with pytest.raises(StorageError, match="no room"):
        store.add(chat, said, "assistant", "one", lane="base")

    assert store.replies_to(said) == []
    assert store.head(chat) == said
