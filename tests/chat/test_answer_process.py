"""The chat's end of the process that answers: what it makes of whatever a process does."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from roleplay import errors
from roleplay.chat.process import AnswerProcess, _error
from roleplay.chat.question import Ask, Asked, Heard, Question
from roleplay.chat.wire import Opening, Stage
from roleplay.chat.worker import _failure
from roleplay.dialogue import Turn
from roleplay.errors import BaseModelError, Fault, FileFaults, RoleplayError, UsageError
from roleplay.generation.events import Cancel, Finished, Piece
from roleplay.generation.lanes import LANES
from roleplay.generation.settings import Sampling
from roleplay.text import clean
from tests.chat.scripted_worker import EVIL, scripted

PERSONA, BASE = LANES["persona+prefix"], LANES["base"]
PATIENCE = 60.0
"""Seconds until a test fails that waits for what never comes."""
HI = (Turn("user", "Hi"),)
QUESTION = Question((Ask(PERSONA, ("who",), 0, HI), Ask(BASE, (), 0, HI)), Sampling())


@pytest.fixture
def played() -> Iterator[Callable[..., AnswerProcess]]:
    """Starts scenes, and closes them at the end."""
    processes: list[AnswerProcess] = []

    def play(scene: str, opening: Opening | None = None) -> AnswerProcess:
        processes.append(scripted(scene, opening))
        return processes[-1]

    yield play
    for process in processes:
        process.close()


Play = Callable[..., AnswerProcess]


def replies(heard: list[Heard]) -> list[str]:
    return [event.text for event in heard if isinstance(event, Finished)]


def test_loading_tells_its_stages_and_is_done_once(played: Play) -> None:
    process, stages = played("plain"), list[Stage]()
    process.tell = stages.append

    ready = process.load()

    assert [(stage.text, stage.step, stage.steps) for stage in stages][1:] == [("second", 1, 2)]
    assert ready is not None
    assert (ready.base, ready.context, ready.adapter, ready.notice) == ("base", 512, "mira/run@3", "note")
    assert [prefix.id for prefix in ready.prefixes] == ["who", "late"]
    first = process._process
    assert process.load() is ready
    assert replies(list(process.answer(QUESTION))) == ["say 0", "say 0"]
    assert process._process is first
    assert len(stages) == 2


def test_a_question_loads_if_need_be_and_is_answered_in_order(played: Play) -> None:
    process = played("plain")

    heard = list(process.answer(QUESTION))

    assert heard[:2] == [Asked(PERSONA, ("who",), 0, (1, 2, 3)), Asked(BASE, (), 0, (1, 2, 3))]
    assert [event.text for event in heard if isinstance(event, Piece)] == ["say", " 0", " 0"]
    assert replies(heard) == ["say 0", "say 0"]
    assert replies(list(process.answer(QUESTION))) == ["say 1", "say 1"]


def test_nothing_that_a_process_says_can_steer_a_terminal(played: Play) -> None:
    process, told = played("evil"), list[str]()
    process.tell = lambda stage: told.append(stage.text)
    ready = process.load()
    assert ready is not None
    told += [ready.base, ready.adapter or "", ready.notice]
    told += [event.text for event in process.answer(QUESTION) if not isinstance(event, Asked)]

    assert all(clean(text) == text for text in told)
    assert told[0] == "first]0;own[2J31m line"
    assert sum("]0;own[2J31m" in text for text in told) >= 8


@pytest.mark.parametrize(
    ("scene", "kind", "text"),
    [
        ("refuses", UsageError, clean(f"no{EVIL}")),
        ("strange", BaseModelError, clean(f"no{EVIL}")),
        ("silent", BaseModelError, "the model's process ended with status 3; the next message starts it again"),
        (
            "talkative",
            BaseModelError,
            "the model's process ended with status 4; its last words: "
            + " / ".join(clean(f"{EVIL}line {i}") for i in range(4, 9))
            + "; the next message starts it again",
        ),
    ],
)
def test_a_load_that_fails_says_why_and_the_next_begins_anew(
    scene: str, kind: type[RoleplayError], text: str, played: Play
) -> None:
    process = played(scene)
    for _ in range(2):
        with pytest.raises(RoleplayError) as caught:
            process.load()
        assert (type(caught.value), str(caught.value)) == (kind, text)
        assert process.ready is None


def test_a_command_that_is_not_there_is_one_clear_error() -> None:
    process = AnswerProcess(Opening(Path("a.yaml"), Path("h")), ["/no/such/python"])
    with pytest.raises(BaseModelError, match=r"the model's process cannot be started: .*No such file"):
        process.load()
    process.close()


def test_a_killed_process_is_one_error_that_names_the_signal_and_the_next_answer_restarts_it(
    played: Play, tmp_path: Path
) -> None:
    process, heard = played("killed", Opening(Path("a.yaml"), tmp_path)), list[Heard]()

    with pytest.raises(
        BaseModelError, match="ended by signal SIGKILL, often a sign that memory ran out; the next mess"
    ):
        heard.extend(process.answer(QUESTION))
    assert [event.text for event in heard if isinstance(event, Piece)] == ["say"]

    assert replies(list(process.answer(QUESTION))) == ["say 0", "say 0"]


def test_an_answer_that_fails_leaves_the_process_ready_for_the_next(played: Play) -> None:
    process = played("fails")
    with pytest.raises(BaseModelError, match=r"^no\]0;own\[2J31m$"):
        list(process.answer(QUESTION))
    first = process._process

    assert replies(list(process.answer(QUESTION))) == ["say 1", "say 1"]
    assert process._process is first


def test_a_line_that_is_no_message_ends_the_process_and_the_next_answer_restarts_it(
    played: Play, tmp_path: Path
) -> None:
    process, seen = played("garbage"), list[Heard]()

    for _ in range(2):
        with pytest.raises(
            BaseModelError, match=r"said what is not a message: b'Loading checkpoint shards\\n'; report"
        ):
            seen.extend(process.answer(QUESTION))

    assert replies(seen) == []


def test_a_line_without_its_end_is_no_message(played: Play) -> None:
    with pytest.raises(BaseModelError, match="ended with status 0"):
        list(played("torn").answer(QUESTION))


def test_a_stop_reaches_the_process_in_the_middle_of_a_reply(played: Play) -> None:
    process, cancel, heard = played("waits"), Cancel(), list[Heard]()
    for event in process.answer(QUESTION, cancel):
        heard.append(event)
        if isinstance(event, Piece) and event.tokens == 1:
            threading.Thread(target=cancel.stop).start()

    assert {event.stopped for event in heard if isinstance(event, Finished)} == {"cancelled"}
    assert cancel.listener is None


def test_a_stop_that_came_before_the_question_stops_it_too(played: Play) -> None:
    process, cancel = played("waits"), Cancel()
    process.load()
    cancel.stop()

    finished = [event.stopped for event in process.answer(QUESTION, cancel) if isinstance(event, Finished)]

    assert finished == ["cancelled"] * 2


def test_whoever_leaves_in_the_middle_of_a_reply_hears_nothing_of_it_in_the_next(played: Play) -> None:
    process = played("waits")
    heard = process.answer(QUESTION)
    next(heard)
    heard.close()
    first, cancel = process._process, Cancel()
    cancel.stop()

    later = list(process.answer(QUESTION, cancel))

    assert replies(later) == ["say 1", "say 1"]
    assert [type(event) for event in later[:3]] == [Asked, Asked, Piece]
    assert process._process is first


def test_a_stop_while_another_thread_loads_gives_up_waiting(played: Play) -> None:
    process, cancel, telling = played("slow"), Cancel(), threading.Event()
    process.tell = lambda stage: telling.set()
    with ThreadPoolExecutor(3) as pool:
        loading = pool.submit(process.load)
        assert telling.wait(PATIENCE)
        asking = pool.submit(lambda: list(process.answer(QUESTION, cancel)))
        loading_too = pool.submit(process.load, cancel)
        cancel.stop()
        assert asking.result(timeout=PATIENCE) == []
        assert loading_too.result(timeout=PATIENCE) is None
        assert not loading.done()
        process.close()
        with pytest.raises(BaseModelError, match="the chat is closed"):
            loading.result(timeout=PATIENCE)


@pytest.mark.parametrize(
    "error",
    [
        *(
            kind("what, where; do this")
            for kind in vars(errors).values()
            if isinstance(kind, type) and issubclass(kind, RoleplayError) and kind is not FileFaults
        ),
        FileFaults([Fault("a.yaml", 3, "name", "is 'x'", "write y"), Fault("a.yaml", None, "", "p", "r")]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_named_error_comes_back_as_itself(error: RoleplayError) -> None:
    told = _error(_failure(error))
    assert type(told) is type(error)
    assert str(told) == str(error)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError(), "the model ran out of memory"),
        (
            RuntimeError("CUDA out of memory. Tried\nto allocate"),
            "(CUDA out of memory. Tried to allocate); begin a new",
        ),
        (ValueError("x\x1b[2J"), "the model failed with ValueError: x[2J; try again"),
    ],
)
def test_any_other_error_of_a_model_is_one_clear_line(error: Exception, told: str) -> None:
    said = _error(_failure(error))
    assert type(said) is BaseModelError
    assert told in str(said)
    assert "\n" not in str(said)
