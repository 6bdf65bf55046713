"""Help and palette: every key is named there, and what the palette names works."""

from textual.binding import Binding

from roleplay.cards.load import CardFile
from roleplay.chat.words import WORDS
from roleplay.paths import Home
from tests.tui.person import Person, meet, play
from tests.tui.script import Gate, Reply
from tui import key_list
from tui.app import ChatApp
from tui.chat_screen import ChatScreen
from tui.conversation import Conversation
from tui.keys import named
from tui.prompt import Prompt

CHAT = named(Prompt, ChatScreen, Conversation, ChatApp)
SMALL = (80, 24)
"""Quickly drawn."""
TOLD = [one for one in CHAT if one.tooltip and not one.action.startswith("switch_prefix")]


def commands(person: Person) -> dict[str, str]:
    return {command.title: command.help for command in person.app.get_system_commands(person.chat)}


def test_every_key_has_an_id_of_its_own() -> None:
    owners = key_list.owners()
    bindings = [binding for owner in owners for binding in vars(owner)["BINDINGS"]]
    ids = [binding.id for binding in bindings if isinstance(binding, Binding)]
    assert len(ids) == len(bindings) >= 60
    assert None not in ids
    assert len(set(ids)) == len(ids)


def test_keys_that_are_shown_say_what_they_do() -> None:
    silent = [one.id for owner in key_list.owners() for one in named(owner) if one.show and not one.tooltip]
    assert silent == []


def test_the_palette_names_every_command_with_its_key_and_every_prefix(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        told = commands(person)
        assert [one.description for one in TOLD if one.description not in told and one.action != "quit"] == []
        assert told["What was sent"].endswith("token by token · F2")
        assert {"Prefix who: switch off", "Prefix late: switch on", "Lane base: show beside"} <= set(told)
        await person.press("ctrl+p", *"new line")
        await person.sees("Begin a line without sending")
        await person.press("escape")
        await person.sees("Say something to Mira")

    play(meet(home), story, SMALL)


def test_f1_shows_keys_and_words_and_escape_leads_back(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.press("d", "r", "a", "f1")
        await person.sees(*(binding.tooltip for binding in TOLD), *(word.usage for word in WORDS.values()))
        await person.sees("Alt+1 … Alt+9", "Page Up, Page Down", "Ctrl+P", "Everything said is kept", "chat.send")
        await person.press("f1")
        await person.sees_no("Page Up, Page Down")
        await person.press("f1")
        await person.sees("Page Up, Page Down")
        await person.press("escape")
        await person.sees_no("Page Up, Page Down")
        await person.press("f", "t", "enter")
        await person.hears_out()
        assert person.asked == ["draft"]

    play(meet(home, "fine"), story, (130, 140))


def test_a_reply_goes_on_while_help_is_read(mira: CardFile, home: Home) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.says("Hi")
        await person.sees("half")
        await person.press("f1")
        await person.sees("Say what is written")
        gate.open()
        await person.hears_out()
        await person.press("escape")
        await person.sees("half and whole")

    play(meet(home, Reply(["half", gate, " and whole"])), story, SMALL)


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
        await run(person, "Lane base: show beside")
        await person.until(lambda: len(person.chat.talk.lanes) == 2)
        await run(person, "Prefix late: switch on")
        await person.until(lambda: "late" in person.chat.talk.session.active)
        await run(person, "New chat")
        await person.sees_no("Second.")
        assert person.asked == ["hello", "hello"]

    play(meet(home, "First.", "Second."), story, SMALL)


def test_stop_of_the_palette_stops_the_reply(mira: CardFile, home: Home) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.says("Hi")
        await person.sees("half")
        await run(person, "Stop")
        await person.sees("Mira  who  stopped")

    play(meet(home, Reply(["half", gate])), story, SMALL)


def test_screens_open_from_the_palette(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        for command, seen in (
            ("Help", "Say what is written"),
            ("Lens", "corpus lens"),
            ("Chats", "a new conversation"),
        ):
            await run(person, command)
            await person.sees(seen)
            await person.press("escape")

    play(meet(home), story, SMALL)


def test_quit_of_the_palette_leaves(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await run(person, "Quit")
        await person.until(lambda: person.app._exit)

    play(meet(home), story, SMALL)
