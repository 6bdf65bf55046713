"""Lines that reach the process that answers while it is busy."""

import io
import subprocess
import sys
from dataclasses import replace

import pytest

from roleplay.chat.question import Ask, Question
from roleplay.chat.wire import Message, Stop, encode
from roleplay.chat.worker import Inbox
from roleplay.dialogue import Turn
from roleplay.generation.lanes import LANES
from roleplay.generation.settings import Sampling

BASE, PERSONA = LANES["base"], LANES["persona"]
QUESTION = Question((Ask(BASE, (), 0, (Turn("user", "Hi"),)),), Sampling())


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Statuses that the process would have ended with."""
    statuses: list[int] = []
    monkeypatch.setattr("roleplay.chat.worker.os._exit", statuses.append)
    return statuses


def read(*messages: Message) -> Inbox:
    inbox = Inbox(io.BytesIO(b"".join(map(encode, messages))))
    inbox.read()
    return inbox


def test_a_stop_holds_for_the_question_before_it(ended: list[int]) -> None:
    assert read(QUESTION, Stop(None)).cancel.holds(BASE)
    one = read(QUESTION, Stop(PERSONA)).cancel
    assert (one.holds(PERSONA), one.holds(BASE)) == (True, False)


def test_a_stop_does_not_hold_for_the_next_question(ended: list[int]) -> None:
    inbox = read(QUESTION, Stop(None), Stop(BASE), replace(QUESTION, asks=()))
    assert not inbox.cancel.holds(BASE)
    assert [inbox.requests.get_nowait().asks for _ in range(2)] == [QUESTION.asks, ()]


def test_the_process_ends_with_its_input(ended: list[int]) -> None:
    read(QUESTION)
    assert ended == [0]


@pytest.mark.parametrize("torn", [encode(QUESTION)[:-30], b"\xff\xff\n", b"hello\n"], ids=["torn", "bytes", "text"])
def test_a_line_torn_by_the_death_of_the_chat_ends_the_process_in_silence(torn: bytes) -> None:
    script = "import sys; from roleplay.chat.worker import Inbox; Inbox(sys.stdin.buffer).read(); print('alive')"
    done = subprocess.run(
        [sys.executable, "-c", script], input=encode(Stop(None)) + torn, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
