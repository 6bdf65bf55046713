"""The chat with a character that a server answers for: the same screen, and what a server cannot do is told."""

from collections.abc import Iterator

import pytest

from roleplay.cards.load import CardFile
from roleplay.chat.lobby import Lobby
from roleplay.chat.manner import Manner
from roleplay.chat.store import ChatStore
from roleplay.errors import UsageError
from roleplay.paths import Home
from tests.chat.sse import Script, Server, streaming
from tests.tui.person import Person, play, stored
from tui.app import ChatApp

WIDE = (140, 40)
MODELS = [
    {"id": "mira", "parent": "pocket"},
    {"id": "mira:no-prefix", "parent": "pocket"},
    {"id": "pocket", "max_model_len": 512},
]


@pytest.fixture
def server() -> Iterator[Server]:
    """As `roleplay serve mira` lists its models."""
    with streaming() as server:
        server.models = MODELS
        yield server


def meet(home: Home, server: Server, *, kept: bool = False) -> ChatApp:
    """`roleplay chat mira --backend URL`."""
    manner = Manner(backend=f"{server.url}/v1", sampling=(("seed", 7),))
    return ChatApp(Lobby(home, manner, save=kept), "mira")


async def hears(person: Person, server: Server, replies: int) -> None:
    """Wait until so many lanes have been asked, and all is said."""
    await person.until(lambda: len(server.bodies) >= replies and person.idle, "for a reply")


def system(server: Server, at: int = -1) -> list[str]:
    """What stood before the first turn of a request."""
    return [turn["content"] for turn in server.bodies[at]["messages"] if turn["role"] == "system"]


def test_two_lanes_answer_a_prefix_is_switched_and_a_reply_is_stopped(
    mira: CardFile, home: Home, server: Server, store: ChatStore
) -> None:
    async def story(person: Person) -> None:
        await person.sees("Mira · pocket · mira at http://127.0.0.1", "● persona+prefix", "base+prefix", "Alt+1 who on")
        await person.says("one")
        await person.sees("Hello, Captain.", "tokens/s")
        await hears(person, server, 1)
        assert "context" not in person.text
        assert system(server) == ["You are Mira, a cook."]
        await person.press("ctrl+b", "alt+2")
        await person.sees("✓ base+prefix", "late on")
        await person.says("two")
        await person.sees("2  pocket  who late")
        await hears(person, server, 3)
        await person.until(lambda: person.text.count("Hello, Captain.") == 3)
        assert sorted(body["model"] for body in server.bodies[1:]) == ["mira:no-prefix", "pocket"]
        assert system(server, 1) == system(server, 2) == ["You are Mira, a cook.\n\nIt is late."]
        server.scripts[:] = [Script(pieces=("Half a",), stuck=True)]
        await person.says("three")
        await person.until(lambda: person.text.count("Half a") == 2)
        await person.press("escape")
        await person.sees("Mira  who late  stopped", "pocket  who late  stopped")
        server.scripts[:] = [Script(pieces=(" soup.",))]
        await person.says("/continue")
        await person.sees("Half a soup.")
        await hears(person, server, 6)

    play(meet(home, server, kept=True), story, WIDE)
    lines = [text for text, _ in stored(store)]
    assert lines == ["Soup's on, Tom.", "one", "Hello, Captain.", "two", "Hello, Captain.", "three", "Half a soup."]
    assert server.bodies[-1]["messages"][-1] == {"role": "assistant", "content": "Half a"}


def test_a_server_that_dies_in_the_middle_leaves_the_chat_and_is_asked_again(
    mira: CardFile, home: Home, server: Server, store: ChatStore
) -> None:
    server.scripts[:] = [Script(pieces=("Half a",), hang_up=True, finish=None), Script(status=503, error="busy")]

    async def story(person: Person) -> None:
        await person.says("one")
        await person.sees("Half a", "cut off", "hung up", "Ctrl+R tries again.")
        assert stored(store)[-1] == ("Half a", "cut")
        await person.says("two")
        await person.sees("status 503: busy")
        await hears(person, server, 2)
        server.scripts[:] = [Script(pieces=("Here again.",))]
        await person.press("ctrl+r")
        await person.sees("Here again.")
        await hears(person, server, 3)
        assert "busy" not in person.text

    play(meet(home, server, kept=True), story, WIDE)
    assert server.listed == 3


@pytest.mark.parametrize(
    ("models", "listing", "told"),
    [
        (MODELS, Script(status=401, error="who?"), "status 401: who?; put a key that is valid there into"),
        ([{"id": "mirra"}], Script(), "has no model 'mira'; it lists mirra; did you mean 'mirra'?"),
    ],
)
def test_a_server_that_cannot_answer_is_one_message_and_the_next_message_tries_again(
    mira: CardFile, home: Home, server: Server, models: list[dict[str, object]], listing: Script, told: str
) -> None:
    server.models, server.listing = models, listing

    async def story(person: Person) -> None:
        await person.sees(told, "Your next message tries again.", "Mira · no model")
        server.models, server.listing = MODELS, Script()
        await person.says("one")
        await person.sees("Hello, Captain.", "mira at http")
        assert "Your next message" not in person.text

    play(meet(home, server), story, WIDE)


def test_a_server_that_is_not_there_is_told_and_leaving_is_leaving(mira: CardFile, home: Home) -> None:
    with streaming() as gone:
        pass

    async def story(person: Person) -> None:
        await person.sees("cannot be reached", "Your next message tries again.")
        await person.press("ctrl+q")

    app = meet(home, gone)
    play(app, story, WIDE)
    assert app.return_code == 0


def test_leaving_does_not_wait_for_a_server_that_says_nothing(mira: CardFile, home: Home, server: Server) -> None:
    server.listing = Script(silent=True)

    async def story(person: Person) -> None:
        await person.sees("asking http://127.0.0.1", "you can write already")
        await person.until(lambda: server.listed)
        await person.press("ctrl+q")

    play(meet(home, server), story, WIDE)
    assert server.left.wait(30)


def test_what_a_server_cannot_do_is_told_in_a_sentence(mira: CardFile, home: Home, server: Server) -> None:
    server.models = [{"id": "mira"}]

    async def story(person: Person) -> None:
        await person.sees("Mira · an unknown base · mira at http", "● persona+prefix")
        assert "base+prefix" not in person.text
        await person.press("ctrl+b")
        await person.sees("✓ persona")
        await person.press("ctrl+b")
        await person.says("one")
        await person.sees("Hello, Captain.")
        await hears(person, server, 1)
        await person.press("f2")
        await person.sees("does not tell the tokens it makes of a chat")
        await person.press("escape", "f6")
        await person.sees("does not tell how likely each token is", "memorised 0%")
        await person.press("escape", "f7")
        await person.is_told("A server answers with the adapter it was started with")
        await person.press("f5", "left")
        await person.sees("adapter as it was trained,", "not at 95%")
        await person.press("escape")
        await person.says("/strength 50")
        await person.is_told("as it was trained, not at 50%")
        await person.says("/adapter card")
        await person.is_told("From the next reply on.")
        with pytest.raises(UsageError, match="was started with, not with 'old@last'"):
            person.chat.talk.choose_adapter("old@last")
        settings = person.chat.talk.session.settings
        assert (settings.strength, settings.adapter) == (1, "")

    play(meet(home, server), story, WIDE)


def test_a_chat_that_was_held_with_another_strength_says_how_it_goes_on(
    mira: CardFile, home: Home, server: Server
) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira at http")
        session = person.chat.talk.session
        session.settings = session.settings.changed(strength=0.6)
        await person.says("one")
        await person.sees("as it was trained, not at 60%; /strength 100 goes back")
        await person.says("/strength 100")
        await person.press("ctrl+r")
        await person.sees("Hello, Captain.")

    play(meet(home, server), story, WIDE)
