"""A kept conversation is shown again as it was, and goes on."""

import pytest

from roleplay.cards.model import TEMPLATE_DEFAULT, Prefix
from roleplay.chat.session import Session
from roleplay.chat.store import ChatStore
from roleplay.errors import BaseModelError, StorageError
from roleplay.paths import Home
from tests.chat.scripted import BESIDE, CARD, Reply, Scripted, begin, hear, shown, stored


@pytest.fixture
def store(home: Home) -> ChatStore:
    return ChatStore(home.chats)


def resumed(store: ChatStore, *replies: Reply | str, chat: int = 1) -> Session:
    session = begin(Scripted(*replies), store, greet=True)
    session.resume(chat)
    return session


def test_path_and_comparisons_come_back(store: ChatStore) -> None:
    session = begin(Scripted("one", "two", Reply(["thr"], stopped="cancelled")), store, greet=True)
    session.say("Hi")
    hear(session, BESIDE)
    hear(session, BESIDE)
    session.say("And?")
    hear(session)

    again = resumed(store)

    assert again.line == session.line
    assert again.exchanges == session.exchanges
    assert [[said.text for said in again.beside(turn)] for turn in again.line] == [[], ["TWO"], [], [], []]
    assert [(said.text, said.stopped) for said in again.line][-1] == ("thr", "cancelled")
    assert again.history == session.history


def test_a_resumed_conversation_goes_on_in_its_own_file_entry(store: ChatStore) -> None:
    session = begin(Scripted("one"), store)
    session.say("Hi")
    hear(session)
    begin(Scripted(), store).say("Something else")

    again = resumed(store, "two")
    again.say("And?")
    hear(again)

    assert [text for text, _ in stored(store, 1)] == ["Hi", "one", "And?", "two"]
    assert [text for text, _ in stored(store, 2)] == ["Something else"]
    assert again.answers.questions[0].asks[0].turns == again.history[:3]


def test_the_prefixes_of_the_last_reply_are_on_again(store: ChatStore) -> None:
    session = begin(Scripted("one", "two"), store)
    session.say("Hi")
    hear(session)
    session.switch({"who": False, "late": True})
    session.say("And?")
    hear(session)

    assert resumed(store).active == ["late"]


def test_prefixes_that_the_card_has_no_more_are_dropped(store: ChatStore) -> None:
    said = store.add(store.new_chat("mira"), None, "user", "Hi")
    store.add(1, said, "assistant", "one", lane="base+prefix", prefixes=["gone", "late"])

    again = resumed(store, "two")
    hear(again)

    assert again.active == ["late"]
    assert again.answers.questions[0].asks[0].prefixes == ("late",)


def test_the_templates_own_prefix_waits_until_the_base_is_known(store: ChatStore) -> None:
    """It is on again where the base has it, whatever is switched before; it is not sent where the base has none."""
    said = store.add(store.new_chat("mira"), None, "user", "Hi")
    store.add(1, said, "assistant", "one", lane="base+prefix", prefixes=[TEMPLATE_DEFAULT, "who"])

    again = resumed(store, "two", "three")
    again.switch({"late": True})
    hear(again)
    own = Prefix(id=TEMPLATE_DEFAULT, text="Be helpful.", default=False)
    again.prefixes = (own, *CARD.prefixes)
    hear(again)

    sent = [question.asks[0].prefixes for question in again.answers.questions]
    assert sent == [("who", "late"), (TEMPLATE_DEFAULT, "who", "late")]


def test_a_conversation_without_replies_keeps_the_cards_prefixes_and_waits(store: ChatStore) -> None:
    store.add(store.new_chat("mira"), None, "user", "Hi")

    again = resumed(store, "one")

    assert again.active == ["who"]
    assert again.waiting
    hear(again)
    assert stored(store) == [("Hi", None), ("one", "end")]


def test_a_redraw_after_resuming_has_a_seed_that_no_former_reply_had(store: ChatStore) -> None:
    session = begin(Scripted("one", "two"), store)
    session.say("Hi")
    hear(session)
    hear(session)

    again = resumed(store, "three", "four")
    hear(again)
    hear(again)

    seeds = [question.sampling.seed for question in (*session.answers.questions, *again.answers.questions)]
    assert len(set(seeds)) == 4
    assert [turn.text for turn in store.replies_to(1)] == ["one", "two", "three", "four"]


def test_a_redraw_after_resuming_that_brings_no_word_leaves_the_reply(store: ChatStore) -> None:
    session = begin(Scripted("one"), store)
    session.say("Hi")
    hear(session)

    again = resumed(store, Reply([], error=BaseModelError("gone")))
    with pytest.raises(BaseModelError):
        hear(again)

    assert shown(again) == ["Hi", "one"]
    assert stored(store) == [("Hi", None), ("one", "end")]


def test_resuming_replaces_the_greeting_of_a_new_chat(store: ChatStore) -> None:
    session = begin(Scripted("one"), store)
    session.say("Hi")
    hear(session)

    assert shown(resumed(store)) == ["Hi", "one"]


def test_nothing_is_resumed_without_a_store() -> None:
    with pytest.raises(StorageError, match="start it without --no-save"):
        begin(Scripted()).resume(1)
