"""Leaving in the midst of something, and replies that end while they are drawn."""

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest
from textual.widgets.markdown import MarkdownStream

from roleplay.cards.load import CardFile
from roleplay.chat.said import Exchange
from roleplay.chat.store import ChatStore
from roleplay.paths import Home
from tests.tui.person import PATIENCE, Person, meet, play, stored
from tests.tui.script import Gate, Reply
from tui.conversation import Conversation
from tui.switches import Switches


def test_ctrl_q_leaves_and_lets_the_model_go(mira: CardFile, home: Home, store: ChatStore) -> None:
    gate = Gate()
    app = meet(home, Reply(["Half", gate]), kept=True)
    scripts = []

    async def story(person: Person) -> None:
        await person.says("Hi")
        await person.sees("Half")
        scripts.append(person.script)
        await person.press("ctrl+q")

    play(app, story)
    assert scripts[0].closed.is_set()
    assert app.return_code == 0
    assert stored(store)[-1][0] == "Half"


def test_a_reply_that_ends_while_it_is_being_drawn_is_drawn_whole(
    mira: CardFile, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, gate = MarkdownStream.write, Gate()
    begun, done = threading.Event(), threading.Event()

    async def slowly(self: MarkdownStream, text: str) -> None:
        begun.set()
        await asyncio.sleep(0.2)
        try:
            await write(self, text)
        finally:
            done.set()

    monkeypatch.setattr(MarkdownStream, "write", slowly)

    async def story(person: Person) -> None:
        await person.says("Hi")
        await person.until(begun.is_set)
        gate.open()
        await person.sees("all at once")
        await person.until(done.is_set)
        await person.says("Still there?")
        await person.sees("still here")

    play(meet(home, Reply(["all at ", gate, "once"]), "still here"), story)


def test_leaving_while_the_chat_is_drawn_is_leaving_like_any_other(
    mira: CardFile, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, show = meet(home, "Soup."), Conversation.show

    async def then_leave(self: Conversation, exchanges: Sequence[Exchange]) -> None:
        await show(self, exchanges)
        switches = app.screen.query_one(Switches)
        app.exit()
        deadline = time.monotonic() + PATIENCE
        while switches.is_attached and time.monotonic() < deadline:
            await asyncio.sleep(0)

    monkeypatch.setattr(Conversation, "show", then_leave)

    async def story(person: Person) -> None:
        await person.until(lambda: app._exit)

    play(app, story)
    assert app.return_code == 0
