"""The keys that walk through the tree of a conversation, and change it."""

from functools import partial

import pytest

from roleplay.cards.load import CardFile
from roleplay.chat.store import ChatStore
from roleplay.paths import Home
from tests.tui.person import MIRA, Person, meet, play, stored, write_card
from tests.tui.script import Gate, Reply
from tui.conversation import Conversation


def line(person: Person) -> list[str]:
    return [said.text for said in person.chat.talk.session.line]


async def talk(person: Person, *texts: str) -> None:
    """Say these, each answered."""
    await person.sees("mira/first@30")
    for number, text in enumerate(texts, 1):
        await person.says(text)
        await person.hears_out(number)


def test_right_past_the_last_draws_a_new_reply_and_left_leads_back(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await talk(person, "Hi")
        await person.press("left")
        await person.is_told("This is the first in its place.")
        await person.press("right")
        await person.hears_out(2)
        await person.sees("Second.", "Mira  who  2/2▏")
        await person.press("left")
        await person.sees("First.", "Mira  who  1/2▏")
        assert "Second." not in person.text
        await person.press("right")
        await person.sees("Second.", "2/2")
        assert person.asked == ["Hi", "Hi"], "only past the last a reply is drawn"

    play(meet(home, "First.", "Second."), story)


def test_arrows_in_what_is_written_move_the_cursor(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await talk(person, "Hi")
        await person.press(*"ab", "left", "c", "right", "up", "d")
        assert person.prompt.text.count("c") == 1
        assert person.asked == ["Hi"]
        assert person.chat.editing is None

    play(meet(home, "First."), story)


def test_greetings_are_ways_of_the_first_turn(project: object, home: Home) -> None:
    greetings = MIRA.replace("prefixes:", "alternate_greetings: [Closed today.]\nprefixes:")

    async def story(person: Person) -> None:
        await person.sees("Soup's on, Tom.", "1/2")
        await person.press("right")
        await person.sees("Closed today.", "2/2")
        await person.press("right")
        await person.is_told("There is no other in this place.")
        await person.says("Why?")
        await person.hears_out()
        assert line(person) == ["Closed today.", "Why?", "Storm."]

    write_card(home.characters, greetings)
    play(meet(home, "Storm."), story)


def test_up_edits_the_last_message_and_it_is_answered_at_once(mira: CardFile, home: Home, store: ChatStore) -> None:
    async def story(person: Person) -> None:
        await talk(person, "Helo")
        await person.press("up")
        await person.sees("Editing your message: Enter keeps it")
        assert person.prompt.text == "Helo"
        await person.press("backspace", *"lo", "enter")
        await person.hears_out(2)
        await person.sees("Hello", "edited  2/2", "Good day.")
        assert "Editing" not in person.text
        assert person.asked == ["Helo", "Hello"]
        assert [text for text, _ in stored(store)][1:] == ["Hello", "Good day."]

    play(meet(home, "What?", "Good day.", kept=True), story)


def test_escape_gives_up_an_edit_and_what_was_written_comes_back(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await talk(person, "Hi")
        await person.press(*"draft", "ctrl+up", "e")
        await person.sees("Editing this reply")
        assert person.prompt.text == "Fine."
        await person.press("x", "escape")
        assert person.prompt.text == "draft"
        await person.sees_no("Editing")
        assert line(person)[-1] == "Fine."

    play(meet(home, "Fine."), story)


def test_a_reply_is_edited_in_its_place(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await talk(person, "Hi")
        await person.press("ctrl+up", "e", "!", "enter")
        await person.sees("Fine.!", "Mira  who  edited  2/2▏")
        assert person.idle
        assert person.asked == ["Hi"]
        await person.says("On")
        await person.hears_out(2)
        assert line(person)[1:] == ["Hi", "Fine.!", "On", "More."]

    play(meet(home, "Fine.", "More."), story)


def test_a_message_that_begins_with_a_slash_is_edited_as_it_is(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await talk(person, "//me waves")
        assert line(person)[1] == "/me waves"
        await person.press("up", "!", "enter")
        await person.hears_out(2)
        assert line(person)[1] == "/me waves!"

    play(meet(home, "One.", "Two."), story)


def marks(person: Person, text: str) -> bool:
    return person.chat.marked is not None and person.chat.marked.text == text


def test_the_mark_goes_up_and_down_and_escape_takes_it_away(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await talk(person, "Hi")
        ways = ["Fine.", "Hi", "Soup's on, Tom.", "Soup's on, Tom.", "Hi"]
        for key, expected in zip(("ctrl+up", "ctrl+up", "ctrl+up", "ctrl+up", "ctrl+down"), ways, strict=True):
            await person.press(key)
            await person.until(partial(marks, person, expected), expected)
        await person.until(lambda: person.chat.query_one(Conversation).has_focus)
        await person.press("escape")
        await person.until(lambda: person.chat.marked is None, "for the mark to go")
        await person.press("x")
        await person.until(lambda: person.prompt.text == "x")
        await person.press("ctrl+up")
        await person.until(partial(marks, person, "Fine."))
        await person.press("ctrl+down")
        await person.until(lambda: person.prompt.has_focus, "below the last message is the prompt")
        await person.press("y")
        await person.until(lambda: person.prompt.text == "xy")

    play(meet(home, "Fine."), story)


def test_a_click_on_a_name_marks_its_message(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await talk(person, "Hi")
        for marked in ("Hi", None):
            await person.pilot.pause()  # until all stands where it will
            row = next(y for y, text in enumerate(person.screen) if "▌ Tom" in text)
            await person.pilot.click(offset=(person.screen[row].index("Tom"), row))
            await person.until(lambda marked=marked: (person.chat.marked and person.chat.marked.text) == marked)

    play(meet(home, "Fine."), story)


def test_a_marked_message_is_branched_from_and_the_former_way_stays(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await talk(person, "one", "two")
        await person.press("ctrl+up", "ctrl+up", "ctrl+up", "b")
        await person.sees_no("Due.")
        assert line(person)[1:] == ["one", "Uno."]
        await person.says("other")
        await person.hears_out(3)
        assert line(person)[1:] == ["one", "Uno.", "other", "Tre."]
        await person.press("ctrl+up", "ctrl+up", "left")
        await person.sees("two", "Due.")
        assert person.chat.marked is not None
        assert person.chat.marked.text == "two", "the mark stays in its place"

    play(meet(home, "Uno.", "Due.", "Tre."), story)


def test_what_is_deleted_is_told_and_comes_back_by_undo(mira: CardFile, home: Home, store: ChatStore) -> None:
    async def story(person: Person) -> None:
        await talk(person, "one", "two")
        await person.press("ctrl+up", "ctrl+up", "d")
        await person.is_told("2 messages taken out; Ctrl+Z brings back.")
        assert line(person)[1:] == ["one", "Uno."]
        assert [text for text, _ in stored(store)][1:] == ["one", "Uno."]
        await person.press("ctrl+z")
        await person.sees("two", "Due.")
        assert [text for text, _ in stored(store)][1:] == ["one", "Uno.", "two", "Due."]

    play(meet(home, "Uno.", "Due.", kept=True), story)


def test_undo_gives_back_what_was_said_and_of_written_text_takes_back_letters(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.press("ctrl+z")
        await person.is_told("There is nothing to undo.")
        await talk(person, "one")
        await person.press("ctrl+z")
        await person.sees_no("Uno.")
        await person.until(lambda: person.prompt.text == "one")
        assert line(person) == ["Soup's on, Tom."]
        await person.press("ctrl+z")
        assert line(person) == ["Soup's on, Tom."]

    play(meet(home, "Uno."), story)


def test_a_stopped_reply_goes_on_and_stays_one(mira: CardFile, home: Home, store: ChatStore) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.says("Hi")
        await person.sees("Half a")
        await person.press("escape")
        await person.sees("stopped")
        await person.hears_out()
        await person.press("ctrl+up", "c")
        await person.hears_out(2)
        await person.sees("Half a bowl.")
        assert "stopped" not in person.text
        assert person.script.questions[-1].asks[0].said == "Half a"
        assert [text for text, _ in stored(store)][-1] == "Half a bowl."
        await person.press("ctrl+up", "c")
        await person.is_told("Only a reply that was stopped or cut can go on")

    play(meet(home, Reply(["Half a", gate]), " bowl.", kept=True), story)


@pytest.mark.parametrize("key", ["t", "2"])
def test_the_reply_of_a_lane_is_taken_over(mira: CardFile, home: Home, store: ChatStore, key: str) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.press("ctrl+b")
        await talk(person, "one")
        await person.press("ctrl+up", key)
        await person.sees("taken from base+prefix  2/2")
        assert line(person)[-1] == "FIRST"
        assert [text for text, _ in stored(store)][-1] == "FIRST"
        await person.press("ctrl+z")
        await person.until(lambda: line(person)[-1] == "first")

    play(meet(home, "first", kept=True), story, (140, 40))


def test_of_several_lanes_one_is_chosen_by_its_number(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.press("ctrl+up", "t")
        await person.is_told("No lane beside has answered here")
        await person.press("escape", "ctrl+b", "ctrl+b")
        await talk(person, "one")
        await person.press("ctrl+up", "t")
        await person.is_told("Which lane? With a mark press its number: 2, 3, 4.")
        await person.press("3")
        await person.sees("taken from persona")

    play(meet(home, "first"), story, (140, 40))


def test_a_marked_reply_in_the_middle_is_drawn_anew_from_there(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await talk(person, "one", "two")
        await person.press("ctrl+up", "ctrl+up", "ctrl+up", "right")
        await person.hears_out(3)
        await person.sees("Tre.", "2/2")
        assert line(person)[1:] == ["one", "Tre."]

    play(meet(home, "Uno.", "Due.", "Tre."), story)


@pytest.mark.parametrize("keys", [["right"], ["up"], ["ctrl+z"], ["ctrl+up", "ctrl+up", "ctrl+up", "d"]])
def test_while_a_reply_is_under_way_the_tree_stays(mira: CardFile, home: Home, keys: list[str]) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.says("Hi")
        await person.sees("half")
        await person.press(*keys)
        await person.is_told("A reply is under way; Esc stops it.")
        gate.open()
        await person.hears_out()
        assert line(person) == ["Soup's on, Tom.", "Hi", "half done"]

    play(meet(home, Reply(["half", gate, " done"])), story)


def test_without_a_mark_branching_and_deleting_ask_for_one(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await talk(person, "Hi")
        for act in (person.chat.action_branch, person.chat.action_delete):
            await act()
            await person.is_told("Mark a message first")
            person.told.clear()
        assert len(line(person)) == 3

    play(meet(home, "Fine."), story)
