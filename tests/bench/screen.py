"""The chat screen: how soon it is there, and how soon a typed letter is."""

import re
import statistics
import sys
import tempfile
import time

from tests.terminal import Terminal

_PAIRS = 9
_KEYS = 200
_BARE = (
    "from textual.app import App\nfrom textual.widgets import Static\n"
    "class Bare(App):\n    def compose(self):\n        yield Static('ready')\nBare().run()"
)
_PAUSE = 0.05
"""Seconds between letters: faster than people type."""
_LETTERS = [
    chr(code)
    for low, high in ((0x10D0, 0x10F1), (0x561, 0x587), (0x13A0, 0x13F0), (0x410, 0x450))
    for code in range(low, high)
]
"""Georgian, Armenian, Cherokee, Cyrillic: neither the screen nor `pocket` writes them, so each is told apart."""


def first_frame_against_a_bare_app() -> None:
    """Print medians from start to first text, and the ratio; the two take turns."""
    with tempfile.TemporaryDirectory() as home:
        bare, chat = [], []
        for _ in range(_PAIRS):
            bare.append(_seconds_to([sys.executable, "-c", _BARE], b"ready", home))
            chat.append(_seconds_to([sys.executable, "-m", "roleplay", "chat", "yui"], b"ay something", home))
    ratio = statistics.median(c / b for c, b in zip(chat, bare, strict=True))
    print(
        f"first frame of roleplay chat: {statistics.median(chat) * 1000:.0f} ms, of a bare Textual app: "
        f"{statistics.median(bare) * 1000:.0f} ms, ratio {ratio:.2f} (goal: at most 2)"
    )


def typing_while_loading_and_answering() -> None:
    """Print how long a typed letter takes to its cell, while the model loads and while both lanes answer."""
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-m", "roleplay", "chat", "yui", "--temperature", "1.2"]
        with Terminal(command, columns=120, rows=36, env={"ROLEPLAY_HOME": home}) as terminal:
            terminal.wait(lambda: b"ay something" in terminal.bytes)
            loading = []
            while "yui/" not in terminal.text and len(loading) < _KEYS // 2:  # the status line names the adapter
                loading.append(_letter(terminal, len(loading)))
            terminal.type(" ")
            terminal.type("\x02\r")  # the base beside; what was typed is the message
            answering = _while_answering(terminal, _KEYS - len(loading))
            terminal.type("\x11")
            terminal.wait_exit()
    for what, values in (("loads", loading), ("answers twice", answering), ("does either", loading + answering)):
        print(
            f"letter to cell while the model {what}: median {statistics.median(values) * 1000:.0f} ms, 95th percentile "
            f"{statistics.quantiles(values, n=20)[-1] * 1000:.0f} ms of {len(values)} keys (goal: at most 100)"
        )


def _while_answering(terminal: Terminal, keys: int) -> list[float]:
    """Latencies of letters during which the context grew; a reply that ends early is drawn anew."""
    latencies: list[float] = []
    used, still = "", 0
    while len(latencies) < keys:
        latency = _letter(terminal, len(latencies))
        now = "".join(re.findall(r"context \d+", terminal.text))
        still = 0 if now != used else still + 1
        used = now
        if still == 0:
            latencies.append(latency)
        elif still % 20 == 0:
            terminal.type("\x12")
    return latencies


def _letter(terminal: Terminal, number: int) -> float:
    """Seconds from a key written to the terminal until its cell is in the output."""
    pause = time.monotonic() + _PAUSE
    while (left := pause - time.monotonic()) > 0:
        terminal.read(left)
    letter = _LETTERS[number % len(_LETTERS)]
    seen, began = len(terminal.bytes), time.perf_counter()
    terminal.type(letter)
    terminal.wait(lambda: letter.encode() in terminal.bytes[seen:], 10)
    return time.perf_counter() - began


def _seconds_to(command: list[str], text: bytes, home: str) -> float:
    """Seconds from the start of `command` until it has drawn `text`."""
    began = time.perf_counter()
    with Terminal(command, env={"ROLEPLAY_HOME": home}) as terminal:
        terminal.wait(lambda: text in terminal.bytes)
        taken = time.perf_counter() - began
        terminal.type("\x11")
        terminal.wait_exit()
    return taken
