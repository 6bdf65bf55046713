"""The path of a conversation as dialogues, and which conversations are looked at."""

from collections.abc import Callable

import pytest

from roleplay.chat.choices.collect import Choices
from roleplay.chat.store import ChatStore
from roleplay.errors import NotFound
from tests.chat.choices.conftest import A, B, place, said
from tests.chat.scripted import Reply, Scripted, begin, hear


def test_the_path_is_kept_as_a_dialogue_without_a_turn_that_nobody_answered(
    store: ChatStore, chosen: Callable[..., Choices]
) -> None:
    session = begin(Scripted("Leek, as ever.", "There is none.", "In an hour."), store, greet=True)
    session.say("Which soup?")
    hear(session)
    hear(session)
    session.say("So?")
    session.say("When?")
    hear(session)
    session.say("Oh.")

    found = chosen()

    assert said(found) == [["Soup's on.", "Which soup?", "There is none.", "So?\n\nWhen?", "In an hour."]]
    assert [turn.role for turn in found.dialogues[0].turns] == ["assistant", "user"] * 2 + ["assistant"]
    assert (found.chats, found.replies, found.replies_left) == (1, 2, ())
    assert found.dialogues[0].source == "chat 1, replies 4 to 7"


@pytest.mark.parametrize(
    ("stopped", "reason"),
    [
        ("cut", "was cut by a failure"),
        ("length", "was stopped before its end"),
        ("cancelled", "was stopped before its end"),
    ],
)
def test_a_dialogue_ends_before_a_reply_that_broke_off_and_the_next_begins_behind_it(
    store: ChatStore, chosen: Callable[..., Choices], stopped: str, reason: str
) -> None:
    session = begin(Scripted("Leek, as ever.", Reply(["In an"], stopped), "Sit down."), store, greet=True)
    for text in ("Which soup?", "When?", "Oh."):
        session.say(text)
        hear(session)

    found = chosen()

    assert said(found) == [["Soup's on.", "Which soup?", "Leek, as ever."], ["Oh.", "Sit down."]]
    assert found.replies_left == ((reason, 1),)


def test_a_greeting_alone_is_no_dialogue(store: ChatStore, chosen: Callable[..., Choices]) -> None:
    begin(Scripted(), store, greet=True).say("Hi")
    assert (said(chosen()), chosen().chats) == ([], 1)


def test_an_imported_tree_in_which_a_reply_follows_a_reply_teaches_nothing_from_there_on(
    store: ChatStore, chosen: Callable[..., Choices]
) -> None:
    (first,) = place(store, A)
    second = store.add(1, first, "assistant", "More.", lane="base", stopped="end")
    user = store.add(1, second, "user", "Oh.")
    store.add(1, user, "assistant", "What you brought.", lane="base", stopped="end")
    store.add(1, user, "assistant", "Sit down.", lane="base", stopped="end")

    found = chosen()

    assert (said(found), found.pairs) == ([["Which soup?", "Leek, as ever."]], ())
    reason = "follows no turn of the person, two replies in a row or an empty turn"
    assert (found.replies_left, found.pairs_left) == (((reason, 2),), ((reason, 1),))


def test_the_same_dialogue_in_two_chats_is_kept_once(store: ChatStore, chosen: Callable[..., Choices]) -> None:
    place(store, A)
    place(store, A)
    found = chosen()
    assert (said(found), found.chats) == ([["Which soup?", "Leek, as ever."]], 2)
    assert found.replies_left == (("stands in another conversation word for word", 1),)


def test_conversations_with_others_are_not_looked_at_unless_they_are_named(
    store: ChatStore, chosen: Callable[..., Choices]
) -> None:
    place(store, A, B)
    place(store, B, A, character="yui")

    assert (chosen().chats, chosen().chats_left, len(chosen().pairs)) == (1, (), 1)
    named = chosen([2])
    assert (named.chats, named.chats_left, named.pairs) == (0, (("is with another character", 1),), ())
    assert chosen([1, 1, 2]).chats == 1


def test_a_conversation_that_is_not_there_is_one_clear_error(store: ChatStore, chosen: Callable[..., Choices]) -> None:
    with pytest.raises(NotFound, match="there is no conversation 9"):
        chosen([9])


def test_a_conversation_counts_from_its_newest_turn(store: ChatStore, chosen: Callable[..., Choices]) -> None:
    last = store.turns(1)[-1].created if place(store, A, B) else 0.0
    assert chosen(since=last).chats == 1
    late = chosen(since=last + 0.001)
    assert (late.chats, late.chats_left) == (0, (("was not gone on with since then", 1),))
