"""A conversation in which everything happened that a tree can hold."""

import json
from pathlib import Path

import pytest

from roleplay.chat.session import Session
from roleplay.chat.store import ChatStore
from tests.chat.scripted import BESIDE, CARD, SEVEN, Reply, Scripted, hear

TWO_GREETINGS = CARD.model_copy(update={"alternate_greetings": ["Late again?"], "user_name": "Captain"})


@pytest.fixture
def store() -> ChatStore:
    return ChatStore(Path(":memory:"))


@pytest.fixture
def lived(store: ChatStore) -> Session:
    """Swipes, lanes, an edit of either side, a taken reply, a deleted branch, a reply cut at its limit.

    The path: Late again? · Hi there · HELLO. (taken) · 猫呢？· On the roof, (edited) · Why? · Because (cut)
    """
    answers = Scripted("Hello.", "Hi, Captain.", "Hello.", "In the soup.", "Gone.", Reply(["Because"], "length"))
    session = Session(TWO_GREETINGS, TWO_GREETINGS.prefixes, answers, store, greet=True)
    session.swipe(session.line[0], 1)
    session.say("Hi")
    hear(session)
    hear(session)
    session.edit(session.line[1], "Hi there")
    hear(session, BESIDE)
    session.take(session.beside(session.line[1])[0])
    session.switch({"late": True})
    session.say("猫呢？")
    hear(session)
    session.edit(session.line[-1], "On the roof,")
    session.say("Really?")
    hear(session)
    session.delete(session.line[-2])
    session.settings = session.settings.changed(strength=0.8, sampling={"temperature": 0.3})
    session.keeper.base, session.keeper.adapter = "pocket@1", "mira/one@12"
    session.say("Why?")
    list(session.answer(BESIDE[:1], SEVEN, about={"base": "pocket@1", "adapter": "mira/one@12"}))
    assert json.loads(session.line[-1].drawn)["adapter"] == "mira/one@12"
    return session
