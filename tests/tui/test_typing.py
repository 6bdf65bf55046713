"""The prompt: what is written is what is sent, whole and in order."""

import pytest
from textual import events

from roleplay.cards.load import CardFile
from roleplay.paths import Home
from tests.tui.person import Person, meet, play
from tests.tui.script import Gate, Reply


def test_enter_sends_and_the_reply_is_drawn(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("Say something to Mira")
        await person.says("Is there soup?")
        await person.sees("Is there soup?", "There is leek.")
        assert person.prompt.text == ""
        assert person.asked == ["Is there soup?"]
        await person.sees("harbour · mira/first@30", "context 10")

    play(meet(home, "There is leek."), story)


@pytest.mark.parametrize("key", ["ctrl+j", "shift+enter"])
def test_a_line_is_begun_without_sending(mira: CardFile, home: Home, key: str) -> None:
    async def story(person: Person) -> None:
        await person.press("a", key, "b")
        await person.until(lambda: person.prompt.text == "a\nb")
        assert person.asked == []
        await person.press("enter")
        await person.hears_out()
        assert person.asked == ["a\nb"]
        await person.sees("▌ a▏\n", "▌ b▏\n")

    play(meet(home, "c"), story)


@pytest.mark.parametrize("nothing", [[], ["space", "space"], ["ctrl+j"]])
def test_white_space_alone_is_not_sent(mira: CardFile, home: Home, nothing: list[str]) -> None:
    async def story(person: Person) -> None:
        await person.press(*nothing, "enter", "x", "enter")
        await person.hears_out()
        assert person.asked == ["x"]

    play(meet(home, "y"), story)


@pytest.mark.parametrize("quick", [False, True])
def test_letters_around_enter_stay_on_their_side_of_it(mira: CardFile, home: Home, quick: bool) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        keys = [*"abcdefgh", "enter", *"ijklmnop"]
        await (person.bursts(keys) if quick else person.press(*keys))
        await person.until(lambda: person.prompt.text == "ijklmnop")
        await person.until(gate.reached.is_set)
        assert person.asked == ["abcdefgh"]
        gate.open()
        await person.hears_out()
        assert person.prompt.text == "ijklmnop"

    play(meet(home, Reply(["aha", gate])), story)


def test_lines_keys_and_letters_of_one_burst_keep_their_order(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        keys = [*"ab", "ctrl+j", *"cd", "left", "left", *"x", "backspace", "end", *"e", "enter", *"fg"]
        await person.bursts(keys)
        await person.hears_out()
        assert person.asked == ["ab\ncde"]
        assert person.prompt.text == "fg"

    play(meet(home, "h"), story)


def test_a_message_sent_while_a_reply_streams_stays_in_the_prompt(mira: CardFile, home: Home) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.says("one")
        await person.sees("half of")
        await person.says("two")
        await person.sees("A reply is under way")
        assert person.prompt.text == "two"
        gate.open()
        await person.sees("half of it")
        await person.hears_out()
        assert person.prompt.text == "two"
        await person.press("enter")
        await person.hears_out(2)
        assert person.asked == ["one", "two"]
        assert person.prompt.text == ""

    play(meet(home, Reply(["half of ", gate, "it"]), "more"), story)


def test_what_is_written_after_a_message_that_came_too_early_follows_it(mira: CardFile, home: Home) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.says("one")
        await person.until(gate.reached.is_set)
        await person.bursts([*"two", "enter", *"three"])
        await person.until(lambda: sorted(person.prompt.text) == sorted("two\nthree"))
        assert person.prompt.text == "two\nthree"
        await person.press("!")
        assert person.prompt.text == "two\nthree!"

    play(meet(home, Reply([gate])), story)


def test_a_paste_is_text_in_one_piece_and_sends_nothing(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.press("a")
        person.app.post_message(events.Paste("b\r\nc\x1b[31m\td"))
        await person.until(lambda: person.prompt.text == "ab\nc[31m\td")
        person.app.post_message(events.Paste("x" * 20_000))
        await person.is_told("20,000 characters, and a turn takes 20,000 in all. Nothing was pasted")
        assert person.prompt.text == "ab\nc[31m\td"
        assert person.asked == []

    play(meet(home), story)
