"""Draw README's picture of the chat with the real program: `python -m tests.readme_picture`."""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Static

from roleplay.chat.lobby import Lobby
from roleplay.chat.manner import Manner
from roleplay.paths import Home
from tui.app import ChatApp
from tui.chat_screen import ChatScreen
from tui.prompt import Prompt

PICTURE = Path(__file__).parents[1] / "docs" / "chat.svg"
_SEED = 3
_LINES = ("在吗？今天人多不多？", "逗号呢，还在椅子上睡觉吗？")


def main() -> None:
    """Talk to 结衣 with three other lanes beside her, and keep what the screen shows."""
    with tempfile.TemporaryDirectory() as home:
        lobby = Lobby(Home(Path(home)), Manner(sampling=(("seed", _SEED),)))
        asyncio.run(_draw(ChatApp(lobby, "yui")))
        lobby.close()


async def _draw(app: ChatApp) -> None:
    async with app.run_test(size=(150, 40)) as pilot:
        screen = app.screen
        assert isinstance(screen, ChatScreen)
        await _until(pilot, lambda: "tokens" not in _status(screen) and "·" in _status(screen))
        await pilot.press("ctrl+b", "ctrl+b")
        for line in _LINES:
            screen.query_one(Prompt).insert(line)
            await pilot.press("enter")
            await pilot.pause(0.5)
            await _until(pilot, lambda: screen.talk.session.line[-1].stopped in ("end", "length"))
        await pilot.pause(0.5)
        screen.query_one(Prompt).cursor_blink = False
        PICTURE.parent.mkdir(exist_ok=True)
        PICTURE.write_text(app.export_screenshot(title="roleplay chat yui"), encoding="utf-8")


def _status(screen: ChatScreen) -> str:
    return str(screen.query_one("#figures", Static).content)


async def _until(pilot: "Pilot[Any]", condition: Callable[[], bool]) -> None:
    for _ in range(1200):
        await pilot.pause(0.05)
        if condition():
            return
    raise TimeoutError("the screen never came that far")


if __name__ == "__main__":
    main()
