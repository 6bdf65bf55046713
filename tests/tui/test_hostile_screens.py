"""Texts of strangers on every screen: they are seen as they are, and nothing they name is done."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from textual.events import Paste

from roleplay.chat.store import ChatStore
from roleplay.paths import Home
from roleplay.text import clean
from tests.tui import strangers
from tests.tui.payloads import PAYLOADS, Payload
from tests.tui.person import Person, play, squeeze
from tui.app import ChatApp

HARMLESS = re.compile(r"link\(|screen\.clicked\('(take|converse)', [2-9]\)$")
"""What a click may do: name an address, or use a lane's header."""
LARGE = (110, 56)
"""Room enough to see the longest of them whole, in a question and in its reply."""


@pytest.fixture
def opened(project: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The strangers' cards are at hand; addresses that the program opened are here, after the test: none."""
    strangers.write_cards(project / "characters")
    home.root.mkdir()
    addresses: list[str] = []
    monkeypatch.setattr(ChatApp, "open_url", lambda self, url, **options: addresses.append(url))
    yield addresses
    assert addresses == []


def harmless(person: Person) -> bool:
    """Whether nothing on the screen can steer a terminal, and a click on it does nothing but name an address."""
    for strip in person.app.screen._compositor.render_strips():
        for text, style, _ in strip:
            assert clean(text) == text
            if style is not None:
                assert style.link is None
                assert HARMLESS.match(str(style.meta.get("@click", "link("))), style.meta
    return not person.app._exit


def written(payload: Payload) -> str:
    """What a file can hold of it."""
    return payload.text.encode(errors="ignore").decode()


def has_said(person: Person, said: list[str]) -> bool:
    """Whether the newest reply shows all of this."""
    reply = person.shows("Reply.persona Markdown")
    return all(part in reply for part in said)


def has_answered(person: Person, turns: int) -> bool:
    return len(person.chat.query("UserTurn")) == turns and person.idle


SEEN = [*PAYLOADS[:5], *(pytest.param(payload, marks=pytest.mark.soak) for payload in PAYLOADS[5:])]
"""A few at each run: a real terminal and the panels show all of them at once."""


@pytest.mark.parametrize("payload", SEEN, ids=lambda payload: payload.name)
def test_a_stranger_is_seen_word_for_word(opened: list[str], home: Home, store: ChatStore, payload: Payload) -> None:
    """The conversation is a kept one, from a file that something else than this program wrote."""
    chat = store.new_chat(strangers.card_name(payload))
    greeting = store.add(chat, None, "assistant", "x")
    turn = store.add(chat, greeting, "user", "x")
    store.add(chat, turn, "assistant", "x", lane="persona+prefix", prefixes=["who", payload.text], stopped="end")
    store.database.rows("UPDATE turns SET text = ?", (written(payload),))
    seen, said = squeeze(payload.seen), [squeeze(part) for part in payload.said or (payload.seen,)]

    async def story(person: Person) -> None:
        await person.until(lambda: person.chat._loaded, "for it to be loaded")
        assert seen[:30] in person.shows("#title")
        assert person.shows("#figures").count(seen[:8]) >= (1 if len(seen) > 50 else 2)
        await person.until(lambda: person.shows(".preview"), "for the beginning of the prefix")
        assert seen.startswith(person.shows(".preview")[:20])
        await person.until(lambda: seen in person.shows(".notice"), "for the notice")
        for number, ending in enumerate(("kept", "whole", "letter by letter"), 1):
            await person.until(lambda: seen in person.shows("UserTurn .said"))
            await person.until(partial(has_said, person, said), ending)
            person.app.post_message(Paste(payload.text))
            await person.until(lambda: squeeze(person.prompt.text) == seen)
            await person.press("enter")
            await person.until(partial(has_answered, person, number + 1), ending)
        await person.until(lambda: seen in person.shows(".trouble"), "for the error")
        assert harmless(person)

    play(ChatApp(strangers.lobby(home), strangers.card_name(payload), resume=True), story, LARGE)


def is_offered(person: Person, opening: str) -> bool:
    return opening in person.shows("#chats")


def test_the_list_of_characters_shows_strangers_as_they_are(opened: list[str], home: Home, store: ChatStore) -> None:
    for payload in PAYLOADS:
        chat = store.new_chat(strangers.card_name(payload))
        store.add(chat, None, "user", "opening")
        store.database.rows("UPDATE turns SET text = ? WHERE chat = ?", (written(payload), chat))

    async def story(person: Person) -> None:
        await person.sees(" characters ", "no adapter · 1 conversation", "a new conversation")
        listed = person.shows("#characters")
        assert [payload.name for payload in PAYLOADS if squeeze(payload.seen[:50]) not in listed] == []
        for payload in sorted(PAYLOADS, key=strangers.card_name):
            await person.press("down")
            await person.until(partial(is_offered, person, squeeze(payload.seen[:50])), payload.name)
            assert harmless(person)

    play(ChatApp(strangers.lobby(home)), story, (120, 130))
