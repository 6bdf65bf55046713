"""The person before the screen, as a test plays it: presses keys, looks, waits until something is to be seen."""

import asyncio
import contextlib
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from textual import events
from textual.app import App
from textual.message_pump import MessagePump
from textual.pilot import Pilot
from textual.widget import Widget

from roleplay.cards.load import CardFile, load_card
from roleplay.chat.lobby import Lobby
from roleplay.chat.manner import Manner
from roleplay.chat.process import AnswerProcess
from roleplay.chat.store import ChatStore
from roleplay.chat.wire import Ready
from roleplay.paths import Home
from tests.tui.script import Load, Reply, Script, able
from tui.app import ChatApp
from tui.chat_screen import ChatScreen
from tui.conversation import Conversation
from tui.prompt import Prompt

PATIENCE = 30.0
"""Seconds until a test fails that waits for what never comes; on a busy machine, too."""
_LOOK = 0.02
"""Seconds between looks."""


class Person:
    """Somebody who uses the program."""

    def __init__(self, app: App[Any], pilot: Pilot[Any]) -> None:
        self.app, self.pilot = app, pilot
        self.told = [note.message for note in app._notifications]  # shown before anybody looked
        """Passing notes so far, those that have passed, too."""
        notify = app.notify

        def noted(message: str, **options: Any) -> None:
            self.told.append(message)
            notify(message, **options)

        app.notify = noted  # type: ignore[method-assign]

    @property
    def screen(self) -> list[str]:
        """The rows of the screen."""
        return [strip.text for strip in self.app.screen._compositor.render_strips()]

    @property
    def text(self) -> str:
        """What the screen shows, row below row, without the space before `▏`, which each row ends with, and `▕`."""
        return "\n".join(re.sub(r" +(?=[▏▕])", "", f"{row}▏") for row in self.screen)

    def shows(self, widget: Widget | str) -> str:
        """What is to be seen of a widget, without white space, so that it does not matter where lines break.

        Of several that a selector finds it is the last.
        """
        if isinstance(widget, str):
            found = self.app.screen.query(widget)
            if not found:
                return ""
            widget = found.last()
        region = widget.content_region
        rows = self.app.screen._compositor.render_strips()[max(region.y, 0) : region.bottom]
        return squeeze("".join(row.crop(region.x, region.right).text for row in rows))

    @property
    def chat(self) -> ChatScreen:
        """The chat, also while something else is shown before it."""
        return next(screen for screen in self.app.screen_stack if isinstance(screen, ChatScreen))

    @property
    def prompt(self) -> Prompt:
        return self.chat.query_one(Prompt)

    @property
    def script(self) -> Script:
        """Who answers."""
        answers: object = self.chat.talk.answers
        assert isinstance(answers, Script)
        return answers

    @property
    def idle(self) -> bool:
        """Whether no reply is under way."""
        return not self.chat._answering

    @property
    def asked(self) -> list[str]:
        """The last turn of each question."""
        if not self.chat._opened:
            return []
        return [question.asks[0].turns[-1].text for question in self.script.questions]

    async def press(self, *keys: str) -> None:
        """Press keys one by one; each has done its work before the next."""
        for key in keys:
            await self.bursts([key])

    async def bursts(self, keys: Sequence[str]) -> None:
        """Press keys faster than anything can be drawn."""
        driver = self.app._driver
        assert driver is not None
        for key in keys:
            driver.send_message(events.Key(key, key if len(key) == 1 else None))
        await self._settles()

    async def pages(self, key: str) -> None:
        """Press Page Up or Page Down, and wait until the screen rests.

        What follows a key is put off until something is drawn, again and again: draw more, find it, scroll to it.
        """
        await self.press(key)
        for _ in range(4):
            drawn = asyncio.Event()
            self.chat.query_one(Conversation).call_after_refresh(drawn.set)
            await self.until(drawn.is_set, "for something to be drawn")

    async def says(self, text: str) -> None:
        """Write and send."""
        await self.bursts([*text, "enter"])

    async def until(self, what: Callable[[], object], why: str = "") -> None:
        """Wait until `what` is true."""
        deadline = time.monotonic() + PATIENCE
        while not what():
            if self.app._exception is not None:
                raise self.app._exception
            if time.monotonic() > deadline:
                ended = f"; the program ended: {self.app.return_value!r}" if self.app._exit else ""
                raise AssertionError(f"waited in vain {why}{ended}; the screen shows\n{self.text}")
            await asyncio.sleep(_LOOK)

    async def sees(self, *texts: str) -> None:
        """Wait until all of these are shown."""

        def all_shown() -> bool:
            shown = self.text
            return all(text in shown for text in texts)

        await self.until(all_shown, f"for {texts}")

    async def is_told(self, text: str) -> None:
        """Wait until a passing note says this, however it is wrapped."""
        await self.until(lambda: any(text in note for note in self.told), f"for {text!r}")

    async def sees_no(self, text: str) -> None:
        """Wait until this is shown no more."""
        await self.until(lambda: text not in self.text, f"for {text!r} to go")

    async def hears_out(self, replies: int = 1) -> None:
        """Wait until so many questions have been asked, and the last one is answered."""
        await self.until(lambda: len(self.asked) >= replies and self.idle, "for a reply")

    async def _settles(self) -> None:
        """Wait until what was pressed has gone its way: to the program, to the focused widget, and up from there.

        Twice, because on its way it may have moved the focus.
        """
        for _ in range(2):
            await handled(self.app)
            for node in (self.app.focused or self.app.screen).ancestors_with_self:
                await handled(node)


async def handled(node: MessagePump) -> None:
    """Wait until a node has done what it was sent so far, or is taken away meanwhile."""
    done, deadline = asyncio.Event(), time.monotonic() + PATIENCE
    if node.call_later(done.set):
        while not (done.is_set() or node._closing or node.app._closing or time.monotonic() > deadline):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), _LOOK)


def squeeze(text: str) -> str:
    """`text` without what cannot be seen."""
    return "".join(character for character in text if not character.isspace() and cell_len(character))


def meet(
    home: Home,
    *replies: Reply | str,
    name: str | None = "mira",
    kept: bool = False,
    resume: bool = False,
    manner: Manner | None = None,
    ready: Ready | None = None,
    loads: Sequence[Load] = (),
    also: Mapping[str, Sequence[Reply | str]] | None = None,
) -> ChatApp:
    """The program as `roleplay chat` starts it, but that characters answer as scripted; `also` are others' replies."""

    def answers(card_file: CardFile) -> AnswerProcess:
        card = card_file.card
        said = replies if card.name == name else (also or {}).get(card.name, replies)
        return Script(*said, ready=ready or able(card), loads=loads)  # type: ignore[return-value]

    return ChatApp(Lobby(home, manner or Manner(), save=kept, answers=answers), name, resume=resume)


def play(app: App[Any], story: Callable[[Person], Awaitable[None]], size: tuple[int, int] = (100, 40)) -> None:
    """Run the program without a terminal, and `story` before it."""

    async def show() -> None:
        async with app.run_test(size=size, notifications=True) as pilot:
            await story(Person(app, pilot))
            if not app._exit:
                app.exit()

    try:
        asyncio.run(show())
    finally:
        if isinstance(app, ChatApp):
            app.lobby.close()


MIRA = """\
schema: 1
name: mira
display_name: Mira
user_name: Tom
language: en
description: Cooks soup at the harbour.
greeting: Soup's on, {{user}}.
prefixes:
  - {id: who, text: "You are {{char}}, a cook."}
  - {id: late, text: "It is late.", default: false}
"""
YUKI = """\
schema: 1
name: yuki
display_name: 雪
language: zh
description: 看守灯塔的人。
prefixes:
  - {id: who, text: "你是{{char}}。"}
"""


def write_card(folder: Path, text: str) -> CardFile:
    """Put a card where it is looked for, and read it."""
    name = next(line for line in text.splitlines() if line.startswith("name:")).removeprefix("name:").strip()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return load_card(folder / f"{name}.yaml")


def stored(store: ChatStore, chat: int = 1) -> list[tuple[str, str | None]]:
    """The path on disk, text and how it ended."""
    return [(turn.text, turn.stopped) for turn in store.path_to(store.head(chat))]
