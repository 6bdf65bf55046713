"""A chat that is closed leaves nothing behind: no process, no open pipe, nobody who waits."""

import gc
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from roleplay.chat.process import AnswerProcess
from roleplay.chat.question import Ask, Heard, Question
from roleplay.dialogue import Turn
from roleplay.errors import BaseModelError, RoleplayError
from roleplay.generation.events import Piece
from roleplay.generation.lanes import LANES
from roleplay.generation.settings import Sampling
from tests.chat.scripted_worker import scripted

PATIENCE = 60.0
"""Seconds until a test fails that waits for what never comes."""
QUESTION = Question((Ask(LANES["base"], (), 0, (Turn("user", "Hi"),)),), Sampling())


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Every process that the test starts; all must be gone at its end, without a warning."""
    children: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def noted(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        children.append(real(*arguments, **options))
        return children[-1]

    monkeypatch.setattr("roleplay.chat.process.subprocess.Popen", noted)
    yield children
    assert children
    for child in children:
        assert child.returncode is not None, "it was waited for"
        until(lambda child=child: child.stderr.closed)
        assert child.stdin.closed
        assert child.stdout.closed
    children.clear()
    gc.collect()  # an open pipe would warn here, and a warning is an error


def until(true: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    ends = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.005)


def test_closing_while_it_loads_ends_the_process_and_the_waiting(started: list[subprocess.Popen[bytes]]) -> None:
    process, telling = scripted("slow"), threading.Event()
    process.tell = lambda stage: telling.set()
    with ThreadPoolExecutor(2) as pool:
        loading = [pool.submit(process.load) for _ in range(2)]
        assert telling.wait(PATIENCE)
        process.close()
        for waiting in loading:
            with pytest.raises(BaseModelError, match=r"^the chat is closed$"):
                waiting.result(timeout=PATIENCE)
    assert len(started) == 1


def test_closing_while_it_answers_ends_the_process_and_the_reply(started: list[subprocess.Popen[bytes]]) -> None:
    process, heard, speaking = scripted("stubborn"), list[Heard](), threading.Event()

    def listen() -> None:
        for event in process.answer(QUESTION):
            heard.append(event)
            if isinstance(event, Piece):
                speaking.set()

    with ThreadPoolExecutor(1) as pool:
        listening = pool.submit(listen)
        assert speaking.wait(PATIENCE)
        process.close()
        with pytest.raises(BaseModelError, match=r"^the chat is closed$"):
            listening.result(timeout=PATIENCE)
    assert len(heard) == 2


def test_closing_while_the_process_is_being_started_ends_it(
    started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The instant between the decision to start and the start."""
    process = scripted("slow")
    start = subprocess.Popen

    def closed_meanwhile(*arguments: object, **options: object) -> object:
        child = start(*arguments, **options)
        process.close()
        return child

    monkeypatch.setattr("roleplay.chat.process.subprocess.Popen", closed_meanwhile)

    with pytest.raises(BaseModelError, match=r"^the chat is closed$"):
        process.load()


def test_closing_while_the_listener_pauses_ends_the_process_once_it_goes_on(
    started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roleplay.chat.process._CLOSING", 0.05)
    process = scripted("stubborn")
    heard = process.answer(QUESTION)
    next(heard)
    process.close()
    heard.close()


@pytest.mark.parametrize("scene", ["plain", "refuses", "silent"])
def test_closing_between_answers_ends_the_process(scene: str, started: list[subprocess.Popen[bytes]]) -> None:
    process = scripted(scene)
    if scene == "plain":
        list(process.answer(QUESTION))
        assert started[0].poll() is None
    else:
        with pytest.raises(RoleplayError):
            process.load()
    process.close()
    process.close()


def test_what_is_closed_is_not_started_again(started: list[subprocess.Popen[bytes]]) -> None:
    process = scripted("plain")
    process.load()
    process.close()
    for call in (process.load, lambda: list(process.answer(QUESTION))):
        with pytest.raises(BaseModelError, match=r"^the chat is closed$"):
            call()
    assert len(started) == 1


def test_what_was_never_started_is_closed_without_a_start(monkeypatch: pytest.MonkeyPatch) -> None:
    process: AnswerProcess = scripted("plain")
    process.close()
    monkeypatch.setattr("roleplay.chat.process.subprocess.Popen", lambda *_, **__: pytest.fail("it was started"))
    with pytest.raises(BaseModelError, match=r"^the chat is closed$"):
        process.load()


def test_a_new_process_takes_the_place_of_a_dead_one_without_leaving_its_pipes_open(
    started: list[subprocess.Popen[bytes]],
) -> None:
    process = scripted("plain")
    process.load()
    started[0].kill()
    started[0].wait()

    assert [event.text for event in process.answer(QUESTION) if isinstance(event, Piece)] == ["say", " 0"]

    process.close()
    assert len(started) == 2
