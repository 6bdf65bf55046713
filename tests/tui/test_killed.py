"""The program is killed while a reply streams, again and again in one conversation: nothing that was said is lost."""

import os
import random
import signal
import sqlite3
import sys
import time
from pathlib import Path

import pytest

from roleplay.paths import Home
from tests.terminal import Terminal
from tests.tui.counter import WHOLE
from tests.tui.test_real_program import settle

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kills", [2, pytest.param(50, marks=pytest.mark.soak)])
def test_a_kill_at_any_instant_keeps_every_turn(kills: int, home: Home) -> None:
    draw, said, whole = random.Random(kills), list[str](), 0
    for number in range(kills):
        command = [sys.executable, "-m", "tests.tui.counted", *(["--resume"] if number else [])]
        with Terminal(command, columns=80, rows=60, env={"PYTHONPATH": str(ROOT)}) as terminal:
            terminal.wait_for("ay something")
            terminal.wait_for("counter · no adapter")
            for last in (False, True):
                said.append(f"question {len(said)}")
                terminal.type(f"{said[-1]}\r")
                replies = whole + 1
                terminal.wait(lambda wanted=said[-1]: _streams(home, wanted))
                if not last:
                    terminal.wait(lambda replies=replies: _whole(home) >= replies)
                    whole += 1
                    settle(terminal)  # what is on disk is not drawn yet, and a reply that is not is still under way
            _read_for(terminal, draw.uniform(0, 0.7))
            os.kill(terminal.process.pid, signal.SIGKILL)
            terminal.wait_exit()
        rows = _rows(home)
        assert [text for role, text, _ in rows if role == "user"] == said
        assert all(WHOLE.startswith(text) for role, text, _ in rows if role == "assistant" and text[:1] == "0")
        assert all((stopped == "end") == (text == WHOLE) for role, text, stopped in rows if text[:1] == "0")
        assert {stopped for role, _, stopped in rows if role == "assistant"} <= {None, "end", "cut"}
        whole = _whole(home)


def _streams(home: Home, question: str) -> bool:
    """Whether `question` is on disk."""
    return any(text == question for _, text, _ in _rows(home))


def _whole(home: Home) -> int:
    return sum(stopped == "end" for *_, stopped in _rows(home))


def _rows(home: Home) -> list[tuple[str, str, str | None]]:
    """Role, text and end of every turn on disk."""
    if not home.chats.exists():
        return []
    with sqlite3.connect(home.chats) as database:
        try:
            rows = database.execute("SELECT role, text, stopped FROM turns ORDER BY id").fetchall()
        except sqlite3.OperationalError:  # the tables are being made
            rows = []
    database.close()
    return rows


def _read_for(terminal: Terminal, seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        terminal.read(left)
