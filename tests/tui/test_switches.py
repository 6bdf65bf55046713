"""The panel of prefixes: what is switched is sent from the next message on, and every reply says what was sent."""

from pathlib import Path

from roleplay.cards.load import CardFile
from roleplay.cards.model import TEMPLATE_DEFAULT, Prefix
from roleplay.chat.manner import Manner
from roleplay.paths import Home
from tests.tui.person import Person, meet, play, write_card
from tests.tui.script import Gate, Reply, able


def sent(person: Person) -> list[tuple[str, ...]]:
    """Prefixes that went along with each question."""
    return [question.asks[0].prefixes for question in person.script.questions]


def test_a_switch_works_from_the_next_message_on(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.says("a")
        await person.sees("Mira  who▏")
        await person.hears_out()
        await person.press("alt+2")
        await person.sees("Alt+2 late on")
        await person.says("b")
        await person.sees("Mira  who late▏")
        await person.hears_out(2)
        await person.press("alt+1")
        await person.sees("Alt+1 who off")
        await person.says("c")
        await person.sees("Mira  late▏")
        await person.hears_out(3)
        assert sent(person) == [("who",), ("who", "late"), ("late",)]
        assert "Mira  who▏" in person.text, "the margins of earlier replies stay as they were"

    play(meet(home, "one", "two", "three"), story)


def test_a_switch_while_a_reply_streams_leaves_that_reply_alone(mira: CardFile, home: Home) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.says("a")
        await person.sees("half")
        await person.press("alt+2")
        await person.sees("Alt+2 late on")
        gate.open()
        await person.sees("half done")
        await person.hears_out()
        assert "Mira  who▏" in person.text
        await person.says("b")
        await person.hears_out(2)
        assert sent(person) == [("who",), ("who", "late")]

    play(meet(home, Reply(["half", gate, " done"]), "two"), story)


def test_with_all_off_nothing_is_sent_and_panel_and_margin_say_so(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("Alt+1 who on")
        assert "all off" not in person.text
        await person.press("alt+1")
        await person.sees("all off: nothing is sent")
        await person.says("a")
        await person.sees("Mira  no prefix▏")
        await person.hears_out()
        assert sent(person) == [()]
        await person.press("alt+1")
        await person.sees_no("all off")

    play(meet(home, "one"), story)


def test_a_click_on_a_switch_is_a_switch_and_typing_goes_on(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("Alt+2 late off")
        row = next(y for y, text in enumerate(person.screen) if "late off" in text)
        await person.pilot.click(offset=(person.screen[row].index("late off"), row))
        await person.sees("Alt+2 late on")
        await person.says("a")
        await person.hears_out()
        assert (person.asked, sent(person)) == (["a"], [("who", "late")])

    play(meet(home, "one"), story)


def test_typed_switches_hold_from_the_start(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("Alt+1 who off", "Alt+2 late on")

    play(meet(home, manner=Manner(switches=(("who", False), ("late", True)))), story)


def test_the_base_brings_a_switch_of_its_own(mira: CardFile, home: Home) -> None:
    default = Prefix(id=TEMPLATE_DEFAULT, text="You are a helpful assistant.", default=False)

    async def story(person: Person) -> None:
        await person.sees("Alt+1 template-default off", "Alt+2 who on", "Alt+3 late off")
        await person.press("alt+1")
        await person.sees("Alt+1 template-default on")
        await person.says("a")
        await person.hears_out()
        assert sent(person) == [(TEMPLATE_DEFAULT, "who")]

    play(meet(home, "one", ready=able(mira.card, extra=[default])), story, (120, 40))


def test_every_switch_up_to_the_ninth_has_its_key(project: Path, home: Home) -> None:
    prefixes = "".join(f"  - {{id: p{i}, text: text {i}, default: false}}\n" for i in range(1, 11))
    write_card(
        project / "characters", f"schema: 1\nname: many\ndisplay_name: Many\nlanguage: en\nprefixes:\n{prefixes}"
    )

    async def story(person: Person) -> None:
        await person.sees("p10 off")
        for number in range(1, 10):
            await person.press(f"alt+{number}")
            await person.sees(f"Alt+{number} p{number} on")
            assert sum(f"p{i} on" in person.text for i in range(1, 11)) == number
        assert "p10 off" in person.text

    play(meet(home, name="many"), story, (100, 60))


def test_a_card_without_prefixes_says_so(project: Path, home: Home) -> None:
    write_card(project / "characters", "schema: 1\nname: bare\ndisplay_name: Bare\nlanguage: en\n")

    async def story(person: Person) -> None:
        await person.sees("this card has none")
        await person.press("alt+1")
        await person.says("a")
        await person.sees("Bare  no prefix▏")

    play(meet(home, "one", name="bare"), story)
