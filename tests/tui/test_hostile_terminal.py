"""What reaches a real terminal where every text is a stranger's: words, and the program's own sequences."""

import sys
from pathlib import Path

import pytest

from roleplay.paths import Home
from tests.terminal import Terminal
from tests.tui import strangers
from tests.tui.payloads import EVERYTHING
from tests.tui.sequences import kinds, without
from tests.tui.test_real_program import said, settle

ROOT = Path(__file__).parents[2]
USUAL = (
    "CSI m",  # colours
    "CSI H",  # where to write
    "CSI ?h",  # modes: the other screen, mouse, paste, focus, synchronized updates
    "CSI ?l",
    "CSI ?$p",  # which of them the terminal knows
    "CSI >u",  # keys of the Kitty protocol
    "CSI <u",
    "OSC 22",  # shape of the mouse pointer
)
"""What a program of Textual without any text writes."""


@pytest.fixture
def streets(project: Path, home: Home) -> Path:
    """A project full of strangers."""
    strangers.write_cards(project / "characters")
    home.root.mkdir()
    return project


def test_no_text_steers_the_terminal(streets: Path, home: Home) -> None:
    """Everything is shown that can be: the lists, the chat, palette, help, an error, a kept conversation."""
    command = [sys.executable, "-m", "tests.tui.driver"]
    with Terminal(command, columns=120, rows=40, env={"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}) as terminal:
        terminal.wait_for("]0;owned[red]All[/]  everything")
        for seen in ("]0;owned[red]All[/]", "[2J[H[31mred[6nc", "31m0;ownednq", "gnp.exe x.", "[@click=app.quit]q[/]"):
            terminal.wait_for(seen)
        terminal.type("\r")
        terminal.wait_for("Say something to ]0;owned[red]All[/]")
        terminal.wait_for("[TODO]: /done 'd'")
        pasted = EVERYTHING.replace("\x1b", "").encode(errors="ignore").decode()  # as terminals hand it over
        for number in range(2):
            terminal.type(f"\x1b[200~{pasted}\x1b[201~ {number}th")
            terminal.wait_for(f"[TODO]: /done 'd' {number}th")
            terminal.type("\r")
            terminal.wait(lambda: [row[2] for row in said(home)].count("end") > number)  # noqa: B023
            settle(terminal)
        terminal.type("more\r")
        terminal.wait_for("Ctrl+R tries again.")
        terminal.type("\x10")
        terminal.wait_for("Search for commands")
        terminal.type("Prefix who")
        terminal.wait_for("Prefix who: switch off")
        terminal.type("\x1b")
        terminal.wait(lambda: "Prefix who" not in terminal.text)
        terminal.type("\x1bOP")
        terminal.wait_for("Say what is written")
        terminal.type("\x1bOP")
        terminal.wait(lambda: "Say what is written" not in terminal.text)
        terminal.type("\x0f")
        terminal.wait_for("Who do you want to talk to?")
        terminal.wait_for("1 conversation")
        terminal.wait_for("3 messages")
        settle(terminal)
        terminal.type("\x1b[C")
        settle(terminal)
        terminal.type("\x1b[B\r")
        terminal.wait_for("more")
        terminal.type("\x11")
        assert terminal.wait_exit() == 0
    written = terminal.bytes.decode()
    assert without(kinds(written), USUAL) == {}
