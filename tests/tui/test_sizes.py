"""Terminals of every size, and text of every width."""

import pytest
from rich.cells import cell_len
from textual.widget import Widget

from roleplay.cards.load import CardFile
from roleplay.paths import Home
from tests.tui.person import Person, meet, play, squeeze
from tests.tui.script import Gate, Reply
from tui.prompt import Prompt

SMALL = "Too small to chat: make it 30 columns by 8 lines."
FAMILY, FLAG, ACCENTS = "👩‍👩‍👧‍👦", "🇯🇵", "e\u0301a\u0308\u0323"
WIDE = f"图书室的窗外是港口，{FAMILY}桌上有绿色的笔记本{FLAG}。{ACCENTS} ｶﾞ 한국어 👍🏽 ☕️ 1️⃣ 𠮷野家" * 3


@pytest.mark.parametrize("size", [(20, 5), (29, 20), (80, 7), (1, 1)])
def test_a_terminal_too_small_says_so_and_keeps_everything(mira: CardFile, home: Home, size: tuple[int, int]) -> None:
    async def story(person: Person) -> None:
        await person.says("Hi")
        await person.sees("Soup.")
        await person.press(*"draft")
        await person.pilot.resize_terminal(*size)
        await person.until(lambda: "Soup" not in person.text)
        if size[0] * size[1] > len(SMALL):
            assert squeeze("".join(person.screen)) == squeeze(SMALL)
        await person.until(lambda: person.app.focused is not person.prompt)
        await person.press("!")
        await person.pilot.resize_terminal(80, 24)
        await person.sees("Soup.", "draft")
        await person.until(lambda: person.app.focused is person.prompt)
        await person.press("!", "enter")
        await person.sees("Bread.")
        assert person.asked == ["Hi", "draft!"]

    play(meet(home, "Soup.", "Bread."), story, (80, 24))


@pytest.mark.parametrize("size", [(80, 24), (30, 8), (45, 12), (200, 60)])
def test_a_conversation_is_had_at_any_size(mira: CardFile, home: Home, size: tuple[int, int]) -> None:
    async def story(person: Person) -> None:
        await person.says("Hi")
        await person.sees("Soup.")
        assert SMALL not in person.text
        await person.press("x")
        await person.sees("x")
        prompt = person.chat.query_one(Prompt)
        assert prompt.region.bottom <= size[1]
        assert prompt.content_size.width > 10

    play(meet(home, "Soup."), story, size)


def test_resizing_while_a_reply_streams_loses_nothing(mira: CardFile, home: Home) -> None:
    gates = [Gate() for _ in range(4)]
    pieces = [part for i, gate in enumerate(gates) for part in (f"part{i} " * 12, gate)]

    async def story(person: Person) -> None:
        await person.says("Hi")
        for i, (gate, size) in enumerate(zip(gates, [(60, 20), (20, 5), (120, 30), (80, 24)], strict=True)):
            await person.until(gate.reached.is_set)
            await person.pilot.resize_terminal(*size)
            del i
            gate.open()
        await person.hears_out()
        await person.until(lambda: person.shows("Reply.persona Markdown").count("part3") == 12)
        shown = person.shows("Reply.persona Markdown")
        assert shown == "".join(f"part{i}" * 12 for i in range(4))

    play(meet(home, Reply(pieces)), story, (80, 24))


@pytest.mark.parametrize("columns", [30, 44, 57, 80, 133])
def test_wide_text_wraps_to_the_cells_it_takes(mira: CardFile, home: Home, columns: int) -> None:
    async def story(person: Person) -> None:
        await person.sees("Say something to")
        person.prompt.insert(WIDE)
        await person.press("enter")
        await person.hears_out()
        for selector in ("UserTurn .said", "Reply.persona Markdown"):
            await person.until(lambda selector=selector: squeeze(WIDE) in person.shows(selector), selector)
        for row in person.app.screen._compositor.render_strips():
            assert row.cell_length == columns
            assert cell_len(row.text) == columns
        for widget in person.chat.query("*").results(Widget):
            if widget.display and widget.region.width and not widget.children:
                for strip in widget.render_lines(widget.size.region):
                    assert strip.cell_length == widget.size.width, widget

    play(meet(home, WIDE), story, (columns, 60))


def test_wide_text_is_edited_by_whole_characters(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.press(*"窗外")
        await person.press("left", *"a", "end", "backspace", *"b")
        assert person.prompt.text == "窗ab"

    play(meet(home), story)
