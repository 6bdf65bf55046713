"""The untouched base beside the character."""

from roleplay.cards.load import CardFile
from roleplay.chat.store import ChatStore
from roleplay.generation.lanes import Lane
from roleplay.paths import Home
from tests.tui.person import Person, meet, play, stored
from tests.tui.script import Gate, Reply, able

PERSONA, BASE = Lane(adapter=True, prefix=True), Lane(adapter=False, prefix=True)


def lanes(person: Person, question: int = -1) -> list[Lane]:
    return [ask.lane for ask in person.script.questions[question].asks]


def test_the_base_streams_beside_the_character_while_comparing(mira: CardFile, home: Home) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.says("one")
        await person.sees("Alone.")
        await person.hears_out()
        assert lanes(person) == [PERSONA]
        await person.press("ctrl+b")
        await person.says("two")
        await person.sees("together now", "TOGETHER NOW")
        row = next(row for row in person.screen if "together now" in row)
        assert row.index("together now") < row.index("TOGETHER NOW"), "side by side"
        assert lanes(person) == [PERSONA, BASE]
        gate.open()
        await person.sees("together now, and done", "TOGETHER NOW, AND DONE")
        heads = [row for row in person.text.splitlines() if "Mira  who" in row and "harbour  who" in row]
        assert len(heads) == 1, "each margin says who answered, and with which prefixes"

    play(meet(home, "Alone.", Reply(["together now", gate, ", and done"])), story, (120, 40))


def test_the_comparison_can_be_hidden_and_shown_again(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.press("ctrl+b")
        await person.says("one")
        await person.sees("word", "WORD")
        await person.hears_out()
        await person.press("ctrl+b")
        await person.sees_no("WORD")
        assert "word" in person.text
        await person.says("two")
        await person.sees("next")
        await person.hears_out(2)
        assert lanes(person) == [PERSONA]
        await person.press("ctrl+b")
        await person.sees("WORD")

    play(meet(home, "word", "next"), story)


def test_the_conversation_goes_on_with_the_characters_reply(mira: CardFile, home: Home, store: ChatStore) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.press("ctrl+b")
        await person.says("one")
        await person.sees("FIRST")
        await person.hears_out()
        await person.says("two")
        await person.sees("SECOND")
        await person.hears_out(2)
        heard = [turn.text for turn in person.script.questions[-1].turns]
        assert heard == ["Soup's on, Tom.", "one", "first", "two"]
        assert [text for text, _ in stored(store)] == ["Soup's on, Tom.", "one", "first", "two", "second"]
        replies = store.replies_to(store.path_to(store.head(1))[1].id)
        assert {reply.lane: reply.text for reply in replies} == {"persona+prefix": "first", "base+prefix": "FIRST"}

    play(meet(home, "first", "second", kept=True), story)


def test_drawing_anew_while_comparing_asks_both_again(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.press("ctrl+b")
        await person.says("one")
        await person.sees("FIRST")
        await person.hears_out()
        await person.press("ctrl+r")
        await person.sees("second", "SECOND")
        await person.hears_out(2)
        assert "FIRST" not in person.text
        assert lanes(person) == [PERSONA, BASE]

    play(meet(home, "first", "second"), story)


def test_stopping_while_comparing_stops_both(mira: CardFile, home: Home) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.press("ctrl+b")
        await person.says("one")
        await person.sees("half", "HALF")
        await person.press("escape")
        await person.sees("Mira  who  stopped", "harbour  who  stopped", "half", "HALF")

    play(meet(home, Reply(["half", gate])), story)


def test_without_an_adapter_comparing_says_that_there_is_nothing_to_compare(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("no adapter")
        await person.press("ctrl+b")
        await person.is_told("Without an adapter the base answers already")
        await person.says("one")
        await person.sees("only")
        await person.hears_out()
        assert lanes(person) == [BASE]
        assert "ONLY" not in person.text

    play(meet(home, "only", ready=able(mira.card, adapter=None)), story)
