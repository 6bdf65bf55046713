"""Help and palette: every key is named there, and what the palette names works."""

import pytest
from textual.binding import Binding

from roleplay.cards.load import CardFile
from roleplay.paths import Home
from tests.tui.person import Person, meet, play
from tests.tui.script import Gate, Reply
from tui.app import ChatApp
from tui.characters_screen import CharactersScreen
from tui.chat_screen import ChatScreen
from tui.help_screen import HelpScreen
from tui.prompt import Prompt

SCREENS = [Prompt, ChatScreen, CharactersScreen, HelpScreen, ChatApp]
BINDINGS = [binding for owner in SCREENS for binding in owner.BINDINGS]
VISIBLE = [
    binding
    for owner in (Prompt, ChatScreen, ChatApp)
    for binding in owner.BINDINGS
    if isinstance(binding, Binding) and binding.show
]


def commands(person: Person) -> dict[str, object]:
    return {command.title: command for command in person.app.get_system_commands(person.chat)}


def test_every_binding_has_an_id_of_its_own() -> None:
    ids = [binding.id for binding in BINDINGS if isinstance(binding, Binding)]
    assert len(ids) == len(BINDINGS) >= 20
    assert None not in ids
    assert len(set(ids)) == len(ids)


def test_the_palette_names_every_command_and_every_prefix(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        named = commands(person)
        assert [binding.description for binding in VISIBLE if binding.description not in named] == []
        assert {"Prefix who: switch off", "Prefix late: switch on"} <= set(named)
        await person.press("ctrl+p")
        await person.sees("Send", "New line", "Stop", "New chat", "Regenerate", "Compare", "Help", "Prefix late")
        await person.press("escape")
        await person.sees("Say something to Mira")
        await person.press("f3")
        await person.sees("late on")
        assert "Prefix late: switch off" in commands(person)

    play(meet(home), story, (120, 60))


@pytest.mark.parametrize("binding", VISIBLE, ids=lambda binding: binding.id)
def test_help_names_every_key_with_what_it_does(binding: Binding) -> None:
    from tui.app import _named

    named = _named(Prompt, ChatScreen, ChatApp)
    assert binding in named
    assert binding.tooltip


def test_f1_shows_the_keys_and_escape_leads_back(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.press("d", "r", "a", "f1")
        await person.sees(*(binding.tooltip for binding in VISIBLE))
        await person.sees("F2 … F9", "Page Up, Page Down", "Ctrl+P", "Everything said is kept")
        await person.press("f1")
        await person.sees_no("Page Up, Page Down")
        await person.press("f1")
        await person.sees("Page Up, Page Down")
        await person.press("escape")
        await person.sees_no("Page Up, Page Down")
        await person.press("f", "t", "enter")
        await person.hears_out()
        assert person.asked == ["draft"]

    play(meet(home, "fine"), story, (100, 50))


def test_a_reply_goes_on_while_help_is_read(mira: CardFile, home: Home) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.says("Hi")
        await person.sees("half")
        await person.press("f1")
        await person.sees("Page Up, Page Down")
        gate.open()
        await person.hears_out()
        await person.press("escape")
        await person.sees("half and whole")

    play(meet(home, Reply(["half", gate, " and whole"])), story)


async def run(person: Person, command: str) -> None:
    """Find a command in the palette by its name, and run it."""
    await person.press("ctrl+p")
    await person.press(*command)
    await person.sees(command)
    await person.press("enter")


def test_commands_of_the_palette_do_what_their_keys_do(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.press(*"hello")
        await run(person, "New line")
        await person.until(lambda: person.prompt.text == "hello\n")
        await run(person, "Send")
        await person.sees("First.")
        await person.hears_out()
        await run(person, "Regenerate")
        await person.sees("Second.")
        await person.hears_out(2)
        await run(person, "Compare")
        await person.until(lambda: person.chat.talk.comparing)
        await run(person, "Prefix late: switch on")
        await person.sees("F3  late on")
        await run(person, "New chat")
        await person.sees_no("Second.")
        assert person.asked == ["hello", "hello"]

    play(meet(home, "First.", "Second."), story)


def test_stop_of_the_palette_stops_the_reply(mira: CardFile, home: Home) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.says("Hi")
        await person.sees("half")
        await run(person, "Stop")
        await person.sees("Mira  who  stopped")

    play(meet(home, Reply(["half", gate])), story)


@pytest.mark.parametrize(("command", "seen"), [("Help", "Page Up, Page Down"), ("Chats", "a new conversation")])
def test_screens_open_from_the_palette(mira: CardFile, home: Home, command: str, seen: str) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await run(person, command)
        await person.sees(seen)

    play(meet(home), story)


def test_quit_of_the_palette_leaves(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await run(person, "Quit")
        await person.until(lambda: person.app._exit)

    play(meet(home), story)
