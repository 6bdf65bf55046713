"""The real program in a real terminal, with the shipped base."""

import os
import sqlite3
import subprocess
import sys

import pytest

from roleplay.paths import Home
from tests.terminal import Terminal

CHAT = [sys.executable, "-m", "roleplay", "chat"]
RESTORED = b"\x1b[?1049l"
"""How a program gives the screen back."""


def said(home: Home) -> list[tuple[str, str | None, str | None]]:
    """Role, lane and end of every turn on disk."""
    with sqlite3.connect(home.chats) as database:
        rows = database.execute("SELECT role, lane, stopped FROM turns ORDER BY id").fetchall()
    database.close()
    return rows


def children(pid: int) -> list[int]:
    """Processes that `pid` started."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(number) for number in listed.stdout.split()]


def replied(terminal: Terminal, home: Home, replies: int) -> None:
    """Read until so many replies are whole on disk, and drawn."""
    terminal.wait(lambda: sum(stopped in ("end", "length") for *_, stopped in said(home)) >= replies)
    settle(terminal)


def settle(terminal: Terminal) -> None:
    """Read until nothing has come for a while, shorter than the cursor's blinking: what was said is drawn."""
    quiet = 0
    while quiet < 6:
        before = len(terminal.bytes)
        terminal.read(0.05)
        quiet = quiet + 1 if len(terminal.bytes) == before else 0


def test_a_chat_from_the_first_letter_to_the_resumed_conversation(home: Home) -> None:
    short = ["--max-new-tokens", "24", "--seed", "3"]
    with Terminal([*CHAT, "yui", *short], columns=120, rows=36) as terminal:
        terminal.wait_for("Say something")
        terminal.type("结衣，你在看什么？🐈‍⬛")  # while the model loads
        terminal.wait_for("结衣，你在看什么？")
        terminal.type("\r")
        terminal.wait_for("tokens/s")
        replied(terminal, home, 1)
        terminal.type("\x02逗号呢？\r")
        replied(terminal, home, 3)
        terminal.wait_for("pocket  who manner")
        terminal.type("\x1b2")  # as terminals send Alt and a digit
        terminal.wait_for("Alt+2 manner off")
        worker = children(terminal.process.pid)
        terminal.type("\x11")
        assert terminal.wait_exit() == 0
        assert RESTORED in terminal.bytes
        for pid in worker:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
    assert {lane for _, lane, _ in said(home)[4:]} == {"persona+prefix", "base+prefix"}
    with Terminal([*CHAT, "--resume"], columns=120, rows=36) as terminal:
        terminal.wait_for("逗号呢？")
        assert "结衣，你在看什么？" in terminal.text
        terminal.type("\x11")
        assert terminal.wait_exit() == 0
