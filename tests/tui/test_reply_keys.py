"""The keys that stop a reply, draw it anew, or leave it behind."""

import pytest

from roleplay.cards.load import CardFile
from roleplay.chat.store import ChatStore
from roleplay.errors import BaseModelError
from roleplay.paths import Home
from tests.tui.person import Person, meet, play, stored
from tests.tui.script import Gate, Reply


@pytest.mark.parametrize("key", ["escape", "ctrl+c"])
def test_a_stopped_reply_keeps_its_half_and_says_so(mira: CardFile, home: Home, store: ChatStore, key: str) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.says("Hi")
        await person.sees("Half a word")
        await person.press(key)
        await person.sees("Mira  who  stopped", "Half a word")
        await person.hears_out()
        assert "never" not in person.text
        assert stored(store)[-1] == ("Half a word", "cancelled")
        await person.says("Again")
        await person.sees("All of it.")
        assert person.asked == ["Hi", "Again"]

    play(meet(home, Reply(["Half a word", gate, " never"]), "All of it.", kept=True), story)


def test_a_reply_stopped_before_its_first_word_can_be_asked_for_again(mira: CardFile, home: Home) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.says("Hi")
        await person.until(gate.reached.is_set)
        await person.press("escape")
        await person.sees("Stopped before the first word. Ctrl+R asks again.")
        await person.press("ctrl+r")
        await person.sees("Here I am.")
        assert "Stopped before" not in person.text
        assert person.asked == ["Hi", "Hi"]

    play(meet(home, Reply([gate]), "Here I am."), story)


def test_escape_with_nothing_to_stop_changes_nothing(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.press("h", "escape", "i", "enter")
        await person.sees("Fine.")
        assert person.asked == ["hi"]
        assert "stopped" not in person.text

    play(meet(home, "Fine."), story)


@pytest.mark.parametrize(("kept", "told"), [(True, "everything said is kept."), (False, "nothing said is kept.")])
def test_ctrl_c_with_nothing_to_stop_says_how_to_leave(mira: CardFile, home: Home, kept: bool, told: str) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.press("ctrl+c")
        await person.sees(f"Ctrl+Q leaves; {told}")
        assert person.app._exit is False

    play(meet(home, kept=kept), story)


def test_ctrl_c_copies_what_is_marked_and_stops_nothing(mira: CardFile, home: Home) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.says("Hello")
        await person.sees("Soup's on, Tom.", "Mira  who▏", "half")
        while not (person.app.screen.get_selected_text() or "").startswith("Soup's"):  # until all stands where it will
            row = next(y for y, text in enumerate(person.screen) if "Soup's on, Tom." in text)
            start = person.screen[row].index("Soup's")
            await person.pilot.mouse_down(offset=(start, row))
            await person.pilot.hover(offset=(start + 6, row))
            await person.pilot.mouse_up(offset=(start + 6, row))
        await person.press("ctrl+c")
        assert person.app.clipboard.startswith("Soup's")
        gate.open()
        await person.sees("the end")
        assert "stopped" not in person.text

    play(meet(home, Reply(["half, then ", gate, "the end"])), story)


def test_ctrl_c_copies_what_is_marked_in_the_prompt(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.press(*"word", "shift+home", "ctrl+c")
        assert person.app.clipboard == "word"
        assert person.prompt.text == "word"

    play(meet(home), story)


def test_a_reply_is_drawn_anew_in_place_of_the_former(mira: CardFile, home: Home, store: ChatStore) -> None:
    async def story(person: Person) -> None:
        await person.says("Hi")
        await person.sees("First.")
        await person.press("ctrl+r")
        await person.sees("Second.")
        await person.hears_out(2)
        assert "First." not in person.text
        assert person.asked == ["Hi", "Hi"]
        first, second = (question.sampling.seed for question in person.script.questions)
        assert first != second
        assert [text for text, _ in stored(store)] == ["Soup's on, Tom.", "Hi", "Second."]

    play(meet(home, "First.", "Second.", kept=True), story)


def test_drawing_anew_after_a_failure_answers_and_takes_the_message_away(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.says("Hi")
        await person.sees("the model tripped", "Ctrl+R tries again.")
        await person.press("ctrl+r")
        await person.sees("Better.")
        assert "tripped" not in person.text

    play(meet(home, Reply([], BaseModelError("the model tripped")), "Better."), story)


def test_with_nothing_said_there_is_nothing_to_draw_anew(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.press("ctrl+r")
        await person.sees("There is no message to answer yet.")
        assert person.asked == []
        assert "Soup's on, Tom." in person.text

    play(meet(home), story)


def test_while_a_reply_streams_it_is_not_drawn_anew(mira: CardFile, home: Home) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.says("Hi")
        await person.sees("half")
        await person.press("ctrl+r")
        await person.sees("A reply is under way; Esc stops it.")
        gate.open()
        await person.sees("half and half")
        assert person.asked == ["Hi"]

    play(meet(home, Reply(["half ", gate, "and half"])), story)


def test_a_reply_drawn_anew_and_stopped_at_once_leaves_the_former(mira: CardFile, home: Home) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.says("Hi")
        await person.sees("First.")
        await person.hears_out()
        await person.press("ctrl+r")
        await person.until(gate.reached.is_set)
        await person.sees_no("First.")
        await person.press("escape")
        await person.sees("First.")
        await person.hears_out(2)
        assert "Stopped before" not in person.text

    play(meet(home, "First.", Reply([gate])), story)


def test_a_new_chat_begins_with_the_greeting_and_the_old_one_is_kept(
    mira: CardFile, home: Home, store: ChatStore
) -> None:
    async def story(person: Person) -> None:
        await person.says("Old")
        await person.sees("Reply to old.")
        await person.press("ctrl+n")
        await person.sees_no("Reply to old.")
        await person.sees("Soup's on, Tom.")
        await person.says("New")
        await person.sees("Reply to new.")
        await person.hears_out(2)
        assert [turn.text for turn in person.script.questions[-1].asks[0].turns] == ["Soup's on, Tom.", "New"]
        assert stored(store, 1)[-1] == ("Reply to old.", "end")
        assert stored(store, 2)[-1] == ("Reply to new.", "end")

    play(meet(home, "Reply to old.", "Reply to new.", kept=True), story)


def test_a_new_chat_while_a_reply_streams_keeps_the_half_in_the_old_one(
    mira: CardFile, home: Home, store: ChatStore
) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.says("Old")
        await person.sees("Half")
        await person.press("ctrl+n")
        await person.sees_no("Half")
        await person.says("New")
        await person.sees("Whole.")
        assert "never" not in person.text
        await person.hears_out(2)
        assert stored(store, 1)[-1] == ("Half", "cancelled")
        assert stored(store, 2) == [("Soup's on, Tom.", None), ("New", None), ("Whole.", "end")]

    play(meet(home, Reply(["Half", gate, "never"]), "Whole.", kept=True), story)


def test_what_still_comes_of_the_old_chat_is_not_drawn_in_the_new_one(
    mira: CardFile, home: Home, store: ChatStore
) -> None:
    gate, new = Gate(), Gate()

    async def story(person: Person) -> None:
        await person.says("Old")
        await person.sees("Half")
        await person.press("ctrl+n")
        await person.sees_no("Half")
        await person.says("New")
        await person.sees("▌ New▏")
        gate.open()
        await person.until(new.reached.is_set)
        await person.until(lambda: stored(store, 1)[-1] == ("Half, and more", "cancelled"))
        assert not person.idle, "the end of the old reply is not that of the new one"
        assert "and more" not in person.text
        new.open()
        await person.sees("Whole.")
        await person.hears_out(2)
        assert "and more" not in person.text
        assert [text for text, _ in stored(store, 2)] == ["Soup's on, Tom.", "New", "Whole."]

    late = Reply(["Half", gate, ", and more"], deaf=True)
    play(meet(home, late, Reply([new, "Whole."]), kept=True), story)
