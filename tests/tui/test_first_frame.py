"""The screen is there before anything heavy: the program of the screens imports no torch, now or later."""

import json
import sys
from pathlib import Path

import pytest

from roleplay.paths import Home
from tests.terminal import Terminal

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "transformers", "peft", "accelerate", "tokenizers", "numpy", "safetensors", "pandas", "datasets"}
RUNNER = """
import json, sys, textual.app
from roleplay.chat.lobby import Lobby
from roleplay.cli import main

shown, begin, noted = textual.app.App._display, Lobby.__init__, set()

def answers(card_file):
    from roleplay.chat.process import AnswerProcess
    from roleplay.chat.wire import Opening

    return AnswerProcess(Opening(card_file.path, card_file.path), {command!r})

def note(name):
    if name not in noted:
        noted.add(name)
        with open(name, "w") as file:
            json.dump(sorted(sys.modules), file)

def display(app, screen, renderable):
    shown(app, screen, renderable)
    if app.screen.query("#prompt"):
        note("first")
    if any("Well met" in reply.source for reply in app.screen.query("Reply Markdown")):
        note("later")

textual.app.App._display = display
Lobby.__init__ = lambda *given, **more: begin(*given, **more | {{"answers": answers}})
sys.argv = ["roleplay", "chat", "mira"]
main()
"""


@pytest.fixture
def runner(project: Path, home: Home, mira: object) -> list[str]:
    """`roleplay chat mira`, which notes the modules it has when it draws first, and when it has drawn a reply."""
    home.root.mkdir()
    words = project / "words.json"
    words.write_text(json.dumps({"words": "Well met", "prefixes": []}))
    command = [sys.executable, "-I", str(ROOT / "tests" / "tui" / "stranger.py"), str(words)]
    return [sys.executable, "-c", RUNNER.format(command=command)]


def heavy(modules: list[str]) -> set[str]:
    return HEAVY & {name.partition(".")[0] for name in modules}


def test_neither_the_first_frame_nor_a_whole_chat_imports_anything_heavy(runner: list[str], project: Path) -> None:
    with Terminal(runner, columns=100, rows=30, env={"PYTHONPATH": str(ROOT)}) as terminal:
        terminal.wait_for("Say something to Mira")
        terminal.type("Hello\r")
        terminal.wait((project / "later").exists)
        assert "Well met" in terminal.text
        terminal.type("\x10")
        terminal.wait_for("Search for commands")
        terminal.type("\x1b\x11")
        assert terminal.wait_exit() == 0
    first, later = (json.loads((project / name).read_text()) for name in ("first", "later"))
    assert "tui.chat_screen" in first
    assert "roleplay.chat.talk" in later
    assert heavy(first) == set()
    assert heavy(later) == set()
