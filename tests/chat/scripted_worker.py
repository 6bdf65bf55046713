"""A process that speaks like the one that answers, without any model: one scene of it a test."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from roleplay.cards.model import Prefix
from roleplay.chat.process import AnswerProcess
from roleplay.chat.question import Asked, Question
from roleplay.chat.wire import Answered, Failed, Message, Opening, Ready, Stage, decode, encode
from roleplay.generation.events import Finished, Piece

ROOT = Path(__file__).parents[2]
PREFIXES = (Prefix(id="who", text="You are {{char}}."), Prefix(id="late", text="It is late.", default=False))
EVIL = "\x1b]0;own\x07\x1b[2J\x9b31m\u202e"
"""Sequences that steer a terminal."""


def scripted(scene: str, opening: Opening | None = None) -> AnswerProcess:
    """A process that plays `scene`."""
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.chat.scripted_worker import main; main({scene!r})"
    )
    return AnswerProcess(opening or Opening(Path("mira.yaml"), Path("home")), [sys.executable, "-c", script])


def main(scene: str) -> None:
    """Load, then answer each question; `scene` names what goes otherwise."""

    def send(message: Message) -> None:
        os.write(1, encode(message))

    source = sys.stdin.buffer
    opening = decode(source.readline())
    assert isinstance(opening, Opening)
    if scene == "slow":
        send(Stage("importing", 0, 1))
        time.sleep(120)
    if scene == "silent":
        sys.exit(3)
    if scene == "talkative":
        sys.stderr.write("".join(f"{EVIL}line {i}\n" for i in range(9)))
        sys.stderr.flush()
        sys.exit(4)
    if scene == "refuses":
        send(Failed("UsageError", f"no{EVIL}"))
        return
    if scene == "strange":
        send(Failed("KeyboardInterrupt", f"no{EVIL}"))
        return
    send(Stage(f"first{EVIL}\nline", 0, 2))
    send(Stage("second", 1, 2))
    default = (Prefix(id="template-default", text="Be helpful.", default=False),) if scene == "template" else ()
    adapter = None if scene == "bare" else "mira/run@3"
    evil = EVIL if scene == "evil" else ""
    send(
        Ready(
            f"base{evil}", f"base@v1{evil}", 512, adapter and f"{adapter}{evil}", f"note{evil}", (*default, *PREFIXES)
        )
    )
    for number, line in enumerate(source):
        question = decode(line)
        if isinstance(question, Question):
            answer(scene, number, question, send, opening)


def answer(scene: str, number: int, question: Question, send: Callable[[Message], None], opening: Opening) -> None:
    """Reply `say 0`, `say 1`, … in every lane, or what the scene wants."""
    for ask in question.asks:
        send(Asked(ask.lane, ask.prefixes, ask.start, (1, 2, 3)))
    lane = question.asks[0].lane
    send(Piece(lane, "say", 1, 0.5))
    if scene == "garbage" and number == 0:
        os.write(1, b"Loading checkpoint shards\n")
        send(Finished(lane, "lost", 1, "end", 1.0))
        time.sleep(120)
    if scene == "torn":
        os.write(1, encode(Answered())[:-5])
        os._exit(0)
    if scene == "killed" and not (opening.home / "died").exists():
        (opening.home / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if scene == "stubborn":
        time.sleep(120)
    stopped = "end"
    if scene == "waits":  # until it is told to stop
        stopped = "cancelled" if b'"Stop"' in sys.stdin.buffer.readline() else "wrong"
    if scene == "fails" and number == 0:
        send(Failed("BaseModelError", f"no{EVIL}"))
        return
    evil = EVIL if scene == "evil" else ""
    for ask in question.asks:
        send(Piece(ask.lane, f" {number}{evil}", 2, 1.0))
        send(Finished(ask.lane, f"say {number}{evil}", 3, stopped, 1.5))
    send(Answered())
