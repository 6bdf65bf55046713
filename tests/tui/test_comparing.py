"""Other lanes beside the conversation: which are shown, which one is the conversation, and what they say."""

from roleplay.cards.load import CardFile
from roleplay.chat.remotes import Remote
from roleplay.chat.store import ChatStore
from roleplay.generation.lanes import LANES, Lane
from roleplay.paths import Home
from tests.tui.person import Person, meet, play, stored
from tests.tui.script import Gate, Reply, able
from tui.chat_screen import ChatScreen
from tui.lane_list import LaneList, next_lanes

PERSONA, BASE = LANES["persona+prefix"], LANES["base+prefix"]


def lanes(person: Person, question: int = -1) -> list[Lane]:
    return [ask.lane for ask in person.script.questions[question].asks]


def test_the_base_streams_beside_the_character(mira: CardFile, home: Home) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.says("one")
        await person.sees("Alone.")
        await person.hears_out()
        assert lanes(person) == [PERSONA]
        await person.press("ctrl+b")
        await person.says("two")
        await person.sees("together now", "TOGETHER NOW")
        row = next(row for row in person.screen if "harbour  who" in row)
        assert row.index("2  harbour  who") > 60, "at the right"
        assert lanes(person) == [PERSONA, BASE]
        gate.open()
        await person.sees("together now, and done", "TOGETHER NOW, AND DONE", "tokens/s")

    play(meet(home, "Alone.", Reply(["together now", gate, ", and done"])), story, (140, 40))


def test_ctrl_b_goes_from_one_lane_to_two_to_four_and_back(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30", "● persona+prefix")
        await person.press("ctrl+b")
        await person.sees("✓ base+prefix")
        await person.press("ctrl+b")
        await person.says("one")
        await person.sees("2  harbour  who", "3  Mira  no prefix", "4  harbour  no prefix")
        await person.hears_out()
        await person.until(lambda: person.text.count("WORD") == 3)
        assert lanes(person) == list(LANES.values())
        await person.press("ctrl+b")
        await person.sees_no("WORD")
        assert "word" in person.text
        await person.says("two")
        await person.sees("next")
        await person.hears_out(2)
        assert lanes(person) == [PERSONA]
        await person.press("ctrl+b", "ctrl+up", "ctrl+up", "ctrl+up")
        await person.sees("WORD")

    play(meet(home, "word", "next"), story, (140, 40))


def test_the_next_lanes_keep_the_conversation_and_its_prefixes_first() -> None:
    names = list(LANES)
    assert next_lanes(["persona+prefix"], names) == ("persona+prefix", "base+prefix")
    assert next_lanes(["base"], names) == ("base", "persona")
    assert next_lanes(["base", "persona"], names) == ("base", "persona", "persona+prefix", "base+prefix")
    assert next_lanes(names, names) == ("persona+prefix",)
    assert next_lanes(["base+prefix"], ["base+prefix", "base"]) == ("base+prefix", "base")
    assert next_lanes(["base+prefix", "base"], ["base+prefix", "base"]) == ("base+prefix",)
    assert next_lanes(["@other"], names)[0] == "@other"


def test_the_conversation_goes_on_with_its_own_lane(mira: CardFile, home: Home, store: ChatStore) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.press("ctrl+b")
        await person.says("one")
        await person.sees("FIRST")
        await person.hears_out()
        await person.says("two")
        await person.sees("SECOND")
        await person.hears_out(2)
        for ask in person.script.questions[-1].asks:
            assert [turn.text for turn in ask.turns] == ["Soup's on, Tom.", "one", "first", "two"]
        assert [text for text, _ in stored(store)] == ["Soup's on, Tom.", "one", "first", "two", "second"]

    play(meet(home, "first", "second", kept=True), story, (120, 40))


def test_lanes_with_a_history_of_their_own_remember_what_they_said(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.press("ctrl+b")
        person.chat.query_one(LaneList).focus()
        await person.press("end", "enter")
        await person.sees("✓ each its own history")
        person.prompt.focus()
        await person.says("one")
        await person.hears_out()
        await person.says("two")
        await person.hears_out(2)
        own = [[turn.text for turn in ask.turns] for ask in person.script.questions[-1].asks]
        assert own == [["Soup's on, Tom.", "one", "first", "two"], ["Soup's on, Tom.", "one", "FIRST", "two"]]

    play(meet(home, "first", "second"), story, (120, 40))


def test_a_lane_is_shown_and_made_the_conversation_in_the_list(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        person.chat.query_one(LaneList).focus()
        await person.press("home", "down", "down", "enter")
        await person.sees("● persona+prefix", "✓ persona▕")
        await person.press("down", "c")
        await person.sees("● base▕", "✓ persona+prefix", "✓ persona▕")
        await person.press("up", "enter")
        await person.sees_no("✓ persona▕")
        person.prompt.focus()
        await person.says("one")
        await person.hears_out()
        assert lanes(person) == [LANES["base"], PERSONA]

    play(meet(home, "first"), story, (120, 40))


def test_a_click_in_a_header_makes_the_lane_the_conversation_or_takes_its_reply_over(
    mira: CardFile, home: Home
) -> None:
    async def click(person: Person, text: str) -> None:
        row = next(y for y, line in enumerate(person.screen) if text in line)
        await person.pilot.click(offset=(person.screen[row].index(text) + 1, row))

    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.press("ctrl+b")
        await person.says("one")
        await person.sees("FIRST")
        await person.hears_out()
        await click(person, "take over")
        await person.sees("taken from base+prefix")
        await click(person, "talk here")
        await person.sees("● base+prefix", "✓ persona+prefix")

    play(meet(home, "first"), story, (140, 40))


def test_drawing_anew_asks_every_lane_again(mira: CardFile, home: Home) -> None:
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

    play(meet(home, "first", "second"), story, (120, 40))


def test_stopping_stops_every_lane(mira: CardFile, home: Home) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.press("ctrl+b")
        await person.says("one")
        await person.sees("half", "HALF")
        await person.press("escape")
        await person.sees("Mira  who  stopped", "harbour  who  stopped", "half", "HALF")

    play(meet(home, Reply(["half", gate])), story, (120, 40))


def test_a_lane_that_cannot_answer_tells_so_in_its_column_alone(mira: CardFile, home: Home) -> None:
    lost = {"base": "the base is out of soup"}

    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.press("ctrl+b", "ctrl+b")
        await person.says("one")
        await person.sees("first", "FIRST", "the base is out of soup")
        await person.hears_out()
        await person.until(lambda: person.text.count("FIRST") == 2)
        assert "Ctrl+R tries again" not in person.text
        await person.says("two")
        await person.sees("second")
        await person.hears_out(2)
        assert "out of soup" not in person.text

    play(meet(home, Reply(["first"], lost=lost), "second"), story, (140, 40))


def test_without_an_adapter_two_lanes_show_what_the_prefixes_do(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("no adapter", "● base+prefix")
        await person.press("ctrl+b")
        await person.is_told("Without an adapter the base answers in every lane")
        await person.says("one")
        await person.sees("only", "ONLY")
        await person.hears_out()
        assert lanes(person) == [BASE, LANES["base"]]
        assert "Mira  who" in person.text, "the base speaks for the character"

    play(meet(home, "only", ready=able(mira.card, adapter=None)), story, (120, 40))


def test_another_programs_model_is_one_of_the_lanes(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        person.chat.talk.company.remotes.append(Remote("qwen[b]", "http://localhost:1/v1"))
        await person.chat.draw_sidebar()
        await person.sees("@qwen[b]")
        await person.chat.show_lanes(["persona+prefix", "@qwen[b]"])
        await person.sees("2  qwen[b]")

    play(meet(home), story, (140, 40))


def test_four_lanes_are_drawn_twenty_times_a_second_in_all(mira: CardFile, home: Home) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.press("ctrl+b", "ctrl+b")
        await person.says("one")
        await person.until(gate.reached.is_set)
        await person.until(lambda: person.text.count("LAST") == 3 and "last" in person.text)
        gate.open()
        await person.hears_out()

    drawn: list[object] = []
    flush = ChatScreen._flush

    async def counted(self: ChatScreen) -> None:
        before = sum(lane.is_behind for lane in self.streams())
        await flush(self)
        drawn.append(before - sum(lane.is_behind for lane in self.streams()))

    ChatScreen._flush = counted  # type: ignore[method-assign]
    try:
        play(meet(home, Reply(["first ", "last", gate])), story, (140, 40))
    finally:
        ChatScreen._flush = flush  # type: ignore[method-assign]
    assert max(drawn) == 1, "one lane a tick"
