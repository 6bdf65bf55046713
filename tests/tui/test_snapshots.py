"""How the screens look: `pytest tests/tui/test_snapshots.py --snapshot-update` draws them anew, to be looked at."""

import re
import time
from collections.abc import Awaitable, Callable

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from roleplay.cards.load import CardFile
from roleplay.chat.store import ChatStore
from roleplay.errors import BaseModelError
from roleplay.paths import Home
from tests.tui.person import YUKI, Person, meet, play, write_card
from tests.tui.script import Gate, Reply
from tui.app import ChatApp
from tui.help_screen import HelpScreen


class Svg(SingleFileSnapshotExtension):
    """A picture a file, which browsers and reviewers can open."""

    _write_mode = WriteMode.TEXT
    file_extension = "svg"


@pytest.fixture
def picture(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(Svg)


def draw(app: ChatApp, story: Callable[[Person], Awaitable[None]], size: tuple[int, int]) -> str:
    """The screen at the end of `story`, without what differs from one drawing to the next."""
    drawn: list[str] = []

    async def shown(person: Person) -> None:
        app.animation_level = "none"
        await story(person)
        for prompt in app.screen.query("Prompt"):
            prompt.cursor_blink = False  # type: ignore[attr-defined]
        drawn.append("")
        while len(drawn) < 4 or len(set(drawn[-4:])) > 1:  # until nothing moves any more
            await person.pilot.pause(0.05)
            drawn.append(app.export_screenshot(title="roleplay"))

    play(app, shown, size)
    return re.sub(r"terminal-\d+", "terminal", drawn[-1])


@pytest.fixture
def yuki(mira: CardFile) -> CardFile:
    return write_card(mira.path.parent, YUKI)


def test_a_chat_with_the_base_beside(yuki: CardFile, home: Home, picture: SnapshotAssertion) -> None:
    gate = Gate()
    first = "灯还亮着，**雾**很大。\n\n- 三盏灯\n- 两只海鸥 🐦\n\n`ok`, 今晚没有船。"

    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.press("ctrl+b")
        await person.says("今晚看得见港口吗？")
        await person.sees("今晚没有船", "OK")
        await person.hears_out()
        await person.says("那你冷不冷？")
        await person.sees("有一点")
        await person.until(gate.reached.is_set)
        await person.press("escape")
        await person.hears_out(2)
        await person.press("alt+1")
        await person.sees("all off", "harbour  who  stopped")

    replies = (first, Reply(["有一点……", gate]))
    drawn = draw(meet(home, *replies, name="yuki", kept=True), story, (130, 36))
    assert drawn == picture


def test_four_lanes_by_day(mira: CardFile, home: Home, picture: SnapshotAssertion) -> None:
    home.root.mkdir(parents=True)
    home.theme.write_text("day\n")

    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.press("ctrl+b", "ctrl+b")
        await person.says("Is there soup?")
        await person.hears_out()
        await person.sees("3  Mira  no prefix", "ONE")
        await person.press("ctrl+up")
        await person.sees("Take over")

    reply = Reply(["There is **one** bowl left."], lost={"base": "the base has no answer"})
    assert draw(meet(home, reply), story, (160, 36)) == picture


def test_a_narrow_chat(yuki: CardFile, home: Home, picture: SnapshotAssertion) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.says("今晚看得见港口吗？")
        await person.sees("今晚没有船")
        await person.hears_out()
        await person.press("up")
        await person.sees("Editing your message")

    assert draw(meet(home, "雾很大，今晚没有船。🐦", name="yuki"), story, (80, 24)) == picture


def test_the_list_of_characters(
    yuki: CardFile, home: Home, store: ChatStore, picture: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    (yuki.path.parent / "bad.yaml").write_text("schema: 1\nname: bad\nlanguage: 7\n")
    for opening in ("Is there soup?", "今晚有汤吗？"):
        store.add(store.new_chat("mira"), None, "user", opening)
    store.database.rows("UPDATE turns SET created = 1750000000")

    async def story(person: Person) -> None:
        await person.sees("2025-06-15 15:06 · 1 message")

    drawn = draw(meet(home, name=None, kept=True), story, (96, 24))
    monkeypatch.undo()
    time.tzset()
    assert drawn == picture


def test_help(mira: CardFile, home: Home, picture: SnapshotAssertion) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.press("f1")
        await person.until(lambda: isinstance(person.app.screen, HelpScreen))

    assert draw(meet(home, kept=True), story, (100, 34)) == picture


def test_a_terminal_that_is_too_small(mira: CardFile, home: Home, picture: SnapshotAssertion) -> None:
    async def story(person: Person) -> None:
        await person.sees("Too small")

    assert draw(meet(home, kept=True), story, (24, 6)) == picture


def test_trouble(mira: CardFile, home: Home, picture: SnapshotAssertion) -> None:
    async def story(person: Person) -> None:
        await person.says("Is there soup?")
        await person.sees("Ctrl+R tries again.")
        await person.hears_out()

    half = Reply(["There was leek, but"], BaseModelError("the model ran out of memory; take a smaller base"))
    assert draw(meet(home, half, kept=True), story, (80, 24)) == picture
