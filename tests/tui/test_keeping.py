"""Everything said is kept as it comes, and drawn again as it was."""

import pytest

from roleplay.cards.load import CardFile
from roleplay.chat.store import ChatStore
from roleplay.paths import Home
from tests.tui.person import Person, meet, play, stored
from tests.tui.script import Gate, Reply


def test_every_step_is_on_disk_when_it_is_seen(mira: CardFile, home: Home, store: ChatStore) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        assert store.chats() == [], "a greeting alone is no conversation"
        await person.says("Hi")
        await person.until(gate.reached.is_set)
        assert stored(store) == [("Soup's on, Tom.", None), ("Hi", None)]
        gate.open()
        await person.sees("Whole.")
        await person.hears_out()
        assert stored(store)[2:] == [("Whole.", "end")]
        assert store.path_to(store.head(1))[-1].prefixes == ("who",)

    play(meet(home, Reply([gate, "Whole."]), kept=True), story)


def test_a_kept_conversation_is_drawn_as_it_was(mira: CardFile, home: Home, store: ChatStore) -> None:
    gate = Gate()

    async def before(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.press("ctrl+b", "alt+2")
        await person.says("one")
        await person.sees("first", "FIRST")
        await person.hears_out()
        await person.press("alt+1")
        await person.says("two")
        await person.sees("half", "HALF")
        await person.press("escape")
        await person.sees("stopped")
        await person.hears_out(2)

    async def after(person: Person) -> None:
        await person.sees("Soup's on, Tom.", "one", "two", "Mira  who late▏", "Mira  late  stopped▏", "mira/first@30")
        await person.sees("Alt+1 who off", "Alt+2 late on")
        await person.sees("half", "HALF", "first")
        assert "FIRST" not in person.text
        await person.press("ctrl+up", "ctrl+up", "ctrl+up")
        await person.sees("FIRST")
        await person.press("escape")
        await person.sees("HALF")
        await person.says("three")
        await person.sees("third")
        await person.hears_out()
        assert [turn.text for turn in person.script.questions[0].asks[0].turns][-3:] == ["two", "half", "three"]

    play(meet(home, "first", Reply(["half", gate]), kept=True), before, (120, 50))
    play(meet(home, "third", kept=True, resume=True), after, (120, 50))
    assert [text for text, _ in stored(store)] == ["Soup's on, Tom.", "one", "first", "two", "half", "three", "third"]
    assert len(store.chats()) == 1


def test_the_newest_conversation_is_resumed_without_a_name(mira: CardFile, home: Home, store: ChatStore) -> None:
    for text in ("older", "newer"):
        store.add(store.new_chat("mira"), None, "user", text)

    async def story(person: Person) -> None:
        await person.sees("newer", "Say something to Mira")
        assert "older" not in person.shows("Conversation")
        await person.press("ctrl+r")
        await person.sees("An answer at last.")

    play(
        meet(home, "An answer at last.", name=None, kept=True, resume=True, also={"mira": ["An answer at last."]}),
        story,
    )


def test_with_nothing_kept_the_status_says_so(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.says("Hi")
        await person.sees("Soup.", "· not kept")

    play(meet(home, "Soup."), story)
    assert not home.chats.exists()


def test_what_is_kept_does_not_say_that_it_is_not(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.says("Hi")
        await person.sees("Soup.", "mira/first@30")
        assert "not kept" not in person.text

    play(meet(home, "Soup.", kept=True), story)
    assert home.chats.exists()


@pytest.mark.parametrize("resume", [False, True])
def test_what_cannot_be_opened_ends_the_program_with_the_reason(home: Home, project: object, resume: bool) -> None:
    app = meet(home, name=None if resume else "nobody", kept=True, resume=resume)

    async def story(person: Person) -> None:
        await person.until(lambda: person.app._exit)

    play(app, story)
    assert app.return_code == 1
    assert ("there is no conversation" if resume else "there is no character 'nobody'") in str(app.return_value)
