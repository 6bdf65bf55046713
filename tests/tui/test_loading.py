"""Loading: told stage by stage, while the person writes; where it fails the chat stays."""

import pytest

from roleplay.cards.load import CardFile
from roleplay.chat.store import ChatStore
from roleplay.chat.wire import Stage
from roleplay.errors import BaseModelError, StorageError
from roleplay.paths import Home
from tests.tui.person import Person, meet, play, stored
from tests.tui.script import Gate, Reply, able


def test_loading_is_told_stage_by_stage_and_typing_goes_on(mira: CardFile, home: Home) -> None:
    first, second = Gate(), Gate()
    load = [Stage("importing torch", 0, 2), first, Stage("loading the base", 1, 2), second]

    async def story(person: Person) -> None:
        await person.sees("importing torch", "you can write already")
        bar = next(row for row in person.screen if "importing torch" in row)
        await person.press(*"abc")
        assert person.prompt.text == "abc"
        first.open()
        await person.sees("loading the base", "you can write already")
        assert next(row for row in person.screen if "loading the base" in row) != bar
        await person.press(*"def")
        second.open()
        await person.sees("harbour · mira/first@30")
        assert "you can write already" not in person.text
        assert person.prompt.text == "abcdef"

    play(meet(home, loads=[load]), story)


def test_a_message_sent_while_loading_is_answered_once_loaded(mira: CardFile, home: Home) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.until(gate.reached.is_set)
        await person.says("Early")
        await person.sees("Early")
        assert person.asked == []
        gate.open()
        await person.sees("Late.")
        assert person.asked == ["Early"]

    play(meet(home, "Late.", loads=[[gate]]), story)


def test_escape_while_loading_takes_the_question_back_and_loading_goes_on(mira: CardFile, home: Home) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.until(gate.reached.is_set)
        await person.says("Early")
        await person.sees("Early")
        await person.press("escape")
        await person.sees("Stopped before the first word. Ctrl+R asks again.")
        gate.open()
        await person.sees("mira/first@30")
        assert person.asked == []
        await person.press("ctrl+r")
        await person.sees("Late.")
        assert person.asked == ["Early"]

    play(meet(home, "Late.", loads=[[gate]]), story)


def test_a_failure_to_load_is_one_message_and_the_next_message_tries_again(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("no room for the base", "Your next message tries again.", "Mira · no model")
        await person.says("Hi")
        await person.sees("Here.", "mira/first@30")
        assert "no room" not in person.text

    play(meet(home, "Here.", loads=[[BaseModelError("no room for the base")]]), story)


def test_a_failure_that_a_message_waits_for_is_told_once(mira: CardFile, home: Home) -> None:
    gate = Gate()
    error = BaseModelError("no room for the base")

    async def story(person: Person) -> None:
        await person.until(gate.reached.is_set)
        await person.says("Early")
        await person.sees("Early")
        gate.open()
        await person.sees("no room for the base")
        await person.hears_out(0)
        assert person.text.count("no room for the base") == 1
        assert "Early" in person.text
        await person.press("ctrl+r")
        await person.sees("Here.")
        assert "no room" not in person.text
        assert person.asked == ["Early"]

    play(meet(home, "Here.", loads=[[gate, error], [error]]), story)


def test_a_notice_is_shown_once(mira: CardFile, home: Home) -> None:
    notice = "mira has no adapter yet"

    async def story(person: Person) -> None:
        await person.sees(notice)
        await person.says("a")
        await person.sees("One.")
        await person.hears_out()
        await person.says("b")
        await person.sees("Two.")
        await person.hears_out(2)
        assert person.text.count(notice) == 1

    play(meet(home, "One.", "Two.", ready=able(mira.card, None, notice)), story)


def test_a_failure_of_the_model_is_one_message_and_keeps_what_was_said(
    mira: CardFile, home: Home, store: ChatStore
) -> None:
    async def story(person: Person) -> None:
        await person.says("Hi")
        await person.sees("Half a", "the model ran out of memory", "cut off")
        assert person.text.count("ran out of memory") == 1
        assert stored(store)[-1] == ("Half a", "cut")
        await person.press("ctrl+r")
        await person.sees("Whole.")
        assert "Half a" not in person.text
        assert "ran out" not in person.text

    failing = Reply(["Half a"], BaseModelError("the model ran out of memory"))
    play(meet(home, failing, "Whole.", kept=True), story)


@pytest.mark.parametrize("again", [False, True])
def test_what_cannot_be_kept_is_told_and_stays_to_be_seen(
    mira: CardFile, home: Home, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    full = [True]
    add = ChatStore.add

    def sometimes(self: ChatStore, *arguments: object, **options: object) -> int:
        if full[0]:
            raise StorageError("the disk is full")
        return add(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(ChatStore, "add", sometimes)

    async def story(person: Person) -> None:
        await person.says("Hi")
        await person.sees("the disk is full")
        assert "Soup." in person.text
        assert person.text.count("the disk is full") == 1
        if again:
            full[0] = False
            await person.says("Again")
            await person.sees("Bread.")
            await person.hears_out(2)
            assert "the disk is full" not in person.text
            kept = ChatStore(home.chats)
            assert [text for text, _ in stored(kept)] == ["Soup's on, Tom.", "Hi", "Soup.", "Again", "Bread."]
            kept.close()

    play(meet(home, "Soup.", "Bread.", kept=True), story)
