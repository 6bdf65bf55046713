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


def settle(terminal: Terminal) -> None:
    """Read until nothing but the cursor's blinking has come for a while: what was said is drawn."""
    quiet = 0
    while quiet < 10:
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
        terminal.wait(lambda: len(said(home)) == 3)
        settle(terminal)
        terminal.type("\x02逗号呢？\r")
        terminal.wait(lambda: len(said(home)) == 6)
        terminal.wait_for("pocket  who manner")
        worker = children(terminal.process.pid)
        terminal.type("\x11")
        assert terminal.wait_exit() == 0
        assert RESTORED in terminal.bytes
        for pid in worker:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
    assert sorted(said(home)[4:]) == sorted(
        [("assistant", "persona+prefix", said(home)[4][2]), ("assistant", "base+prefix", said(home)[5][2])]
    )
    with Terminal([*CHAT, "--resume"], columns=120, rows=36) as terminal:
        terminal.wait_for("逗号呢？")
        assert "结衣，你在看什么？" in terminal.text
        terminal.type("\x11")
        assert terminal.wait_exit() == 0
