"""The real screens in a real terminal, among strangers: `python -m tests.tui.driver [NAME]`."""

import sys
from pathlib import Path

import roleplay.cards.find
from roleplay.paths import find_home
from tests.tui import strangers
from tui.app import run_chat

if __name__ == "__main__":
    roleplay.cards.find.shipped = lambda: Path("nowhere")
    run_chat(strangers.lobby(find_home()), next(iter(sys.argv[1:]), None), resume=False)
