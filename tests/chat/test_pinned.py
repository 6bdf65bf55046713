"""A chat goes on with the card it was begun with; what has changed since is told, and the new card is a choice."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from roleplay.cards.load import load_card
from roleplay.chat.manner import Manner
from roleplay.chat.pinned import what_changed
from roleplay.chat.store import ChatStore, Pin
from roleplay.chat.talk import Talk
from roleplay.paths import Home
from tests.chat.scripted import CARD
from tests.chat.scripted_worker import scripted

FIRST = """schema: 1
name: mira
display_name: Mira
language: en
greeting: Soup's on.
prefixes:
  - {id: who, text: "You are {{char}}."}
"""
SECOND = FIRST.replace("You are {{char}}.", "You are {{char}}, and it rains.").replace("Soup's on.", "Shut the door.")

Sit = Callable[..., Talk]


@pytest.fixture
def sit(tmp_path: Path, home: Home) -> Iterator[Sit]:
    """Begins a sitting with the card as it is now."""
    talks: list[Talk] = []

    def begin(card: str, scene: str = "plain") -> Talk:
        (tmp_path / "mira.yaml").write_text(card)
        loaded = load_card(tmp_path / "mira.yaml")
        talks.append(Talk(loaded, Manner(sampling=(("seed", 7),)), home, ChatStore(home.chats), scripted(scene)))
        return talks[-1]

    yield begin
    for talk in talks:
        talk.close()


def test_a_changed_card_does_not_change_an_old_chat(sit: Sit) -> None:
    first = sit(FIRST)
    first.say("Hi")
    list(first.answer())

    talk = sit(SECOND)
    talk.resume(1)
    talk.say("And?")
    list(talk.answer())

    (told,) = talk.changed
    assert told.startswith("The card has changed since (prefixes, greeting).")
    assert talk.session.line[0].text == "Soup's on."
    assert talk.session.pinned is not None
    assert [prefix.text for prefix in talk.session.prefixes] == ["You are {{char}}."]
    again = sit(SECOND)
    again.resume(1)
    assert len(again.changed) == 1, "it stays the chat's own card"


def test_the_new_card_can_be_taken(sit: Sit) -> None:
    first = sit(FIRST)
    first.say("Hi")
    list(first.answer())
    talk = sit(SECOND)
    talk.resume(1)
    talk.load()
    talk.use_new_card()

    assert talk.changed == ()
    assert talk.session.pinned is None
    assert next(iter(talk.session.tree.following(None))).text == "Soup's on."
    again = sit(SECOND)
    again.resume(1)
    assert (again.changed, again.session.pinned) == ((), None)


def test_what_a_chat_cannot_tell_is_no_change(sit: Sit) -> None:
    first = sit(FIRST)
    first.say("Hi")
    talk = sit(FIRST + "description: A cook.\ntags: [soup]\ntraining: {preset: quick}\n")
    talk.resume(1)

    assert (talk.changed, talk.session.pinned) == ((), None)


def test_another_adapter_is_told_once_it_is_known(sit: Sit) -> None:
    first = sit(FIRST)
    first.say("Hi")
    list(first.answer())
    talk = sit(FIRST, "bare")
    talk.resume(1)
    assert talk.changed == ()
    talk.load()

    assert talk.changed == ("The adapter was mira/run@3, and is none now.",)


@pytest.mark.parametrize(
    ("pin", "told"),
    [
        (None, ()),
        (Pin(None, None, None), ()),
        (Pin('{"schema": 9}', None, None), ()),
        (Pin(None, "harbour@v1", "mira/a@1"), ("The base was harbour@v1, and is harbour@v2 now.",)),
    ],
)
def test_chats_of_which_less_was_kept_tell_what_they_can(pin: Pin | None, told: tuple[str, ...]) -> None:
    assert what_changed(pin, CARD, "harbour@v2", "mira/a@1") == told
