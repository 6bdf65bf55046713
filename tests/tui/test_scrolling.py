"""Long conversations: what is drawn, what Page Up brings back, and when the newest is followed."""

import pytest

from roleplay.cards.load import CardFile
from roleplay.chat.store import ChatStore
from roleplay.paths import Home
from tests.tui.person import Person, meet, play
from tests.tui.script import Gate, Reply
from tui.conversation import Conversation
from tui.exchange import ExchangeView

LONG = 33
"""Exchanges; more than are drawn at once."""


@pytest.fixture
def long(mira: CardFile, store: ChatStore) -> int:
    """A kept conversation of many exchanges."""
    chat, parent = store.new_chat("mira"), None
    store.database.rows("PRAGMA synchronous = OFF")
    for i in range(LONG):
        parent = store.add(chat, parent, "user", f"question {i}.")
        parent = store.add(
            chat, parent, "assistant", f"reply {i}.", lane="persona+prefix", prefixes=["who"], stopped="end"
        )
    return chat


def drawn(person: Person) -> list[str]:
    """The questions that are drawn, whether they are on the screen or scrolled off it."""
    return [view.exchange.user.text for view in person.chat.query(ExchangeView) if view.exchange.user is not None]


def test_a_long_conversation_shows_its_end_and_page_up_leads_to_its_beginning(long: int, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees(f"question {LONG - 1}.", f"reply {LONG - 1}.")
        assert len(drawn(person)) < LONG
        seen: set[int] = set()
        for _ in range(100):
            seen |= {i for i in range(LONG) if f"question {i}." in person.text}
            if 0 in seen:
                break
            await person.pages("pageup")
        assert seen == set(range(LONG)), "no page skips what is between"
        assert drawn(person) == [f"question {i}." for i in range(LONG)]
        assert "earlier turns" not in person.text
        await person.pages("pagedown")
        assert "question 0." not in person.text

    play(meet(home, kept=True, resume=True), story, (80, 70))


def test_at_the_top_of_what_is_drawn_the_rest_is_announced(long: int, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees(f"reply {LONG - 1}.")
        left = LONG - len(drawn(person))
        for _ in range(20):
            if f"{left} earlier turns: Page Up at the top shows more" in person.text:
                break
            await person.pages("pageup")
        await person.sees(f"{left} earlier turns: Page Up at the top shows more")
        await person.pages("pageup")
        await person.until(lambda: len(drawn(person)) > LONG - left)

    play(meet(home, kept=True, resume=True), story)


def test_a_reply_is_followed_unless_the_person_scrolled_away(long: int, home: Home) -> None:
    gate, end = Gate(), Gate()
    lines = [f"line {i}\n\n" for i in range(40)]

    async def story(person: Person) -> None:
        await person.sees(f"reply {LONG - 1}.")
        await person.says("go")
        await person.sees("line 39")
        await person.pages("pageup")
        await person.pages("pageup")
        await person.sees_no("line 39")
        top = person.chat.query_one(Conversation).scroll_y
        gate.open()
        await person.until(end.reached.is_set)
        await person.until(lambda: person.chat.query_one(Conversation).max_scroll_y > top + 60, "for more")
        assert person.chat.query_one(Conversation).scroll_y == top
        end.open()
        await person.hears_out()
        assert person.chat.query_one(Conversation).scroll_y == top
        await person.says("on")
        await person.sees("the very end")

    more = Reply([*lines, gate, *lines, "last one", end, "."])
    play(meet(home, more, "the very end", kept=True, resume=True), story)
