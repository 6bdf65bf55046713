"""The real screens in a real terminal, where a counter answers: `python -m tests.tui.counted [--resume]`."""

import sys
from pathlib import Path

from roleplay.chat.lobby import Lobby
from roleplay.chat.manner import Manner
from roleplay.chat.process import AnswerProcess
from roleplay.chat.wire import Opening
from roleplay.paths import find_home
from tui.app import run_chat

if __name__ == "__main__":
    counter = [sys.executable, "-I", str(Path(__file__).with_name("counter.py"))]
    home = find_home()
    lobby = Lobby(home, Manner(), answers=lambda card_file: AnswerProcess(Opening(card_file.path, home.root), counter))
    resume = "--resume" in sys.argv
    run_chat(lobby, None if resume else "yui", resume=resume)
