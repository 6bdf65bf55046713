"""The real process that answers, with a real tiny model in it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from roleplay.cards.load import load_card
from roleplay.chat.inspection import LookUp, Sent, Weigh, Weighed
from roleplay.chat.open import open_character
from roleplay.chat.process import AnswerProcess
from roleplay.chat.question import Ask, Asked, Question
from roleplay.chat.wire import Opening, Stage, encode
from roleplay.dialogue import Turn
from roleplay.errors import BaseModelError, FileFaults, RoleplayError
from roleplay.generation.events import Cancel, Finished, Piece
from roleplay.generation.lanes import LANES
from roleplay.generation.settings import Sampling
from roleplay.paths import Home
from tests.tiny import save_tiny_adapter, save_tiny_base

CARD = """schema: 1
name: mimi
display_name: Mimi
language: en
prefixes:
  - {id: who, text: "You are {{char}}."}
  - {id: late, text: "It is late.", default: false}
"""
CONTEXT = 4096
NOISY = """
import os
import roleplay.chat.worker as worker

silent = worker._open

class Noisy:
    def __init__(self, answers):
        self.answers, self.look_up, self.weigh = answers, answers.look_up, answers.weigh
    def answer(self, question, cancel):
        for heard in self.answers.answer(question, cancel):
            print("a library that prints", flush=True)
            os.write(1, b'{"Answered": {}}\\n')
            yield heard

def opened(opening, tell):
    print('{"Failed": {"error": "X", "text": "print"}}', flush=True)
    answers, ready = silent(opening, tell)
    return Noisy(answers), ready

worker._open = opened
worker.main()
"""
"""The worker, with libraries inside that print, even what looks like messages."""
HI = (Turn("user", "Hi"),)
LANES_ASKED = (Ask(LANES["persona+prefix"], ("who",), 0, HI), Ask(LANES["base"], (), 0, HI))
QUESTION = Question(LANES_ASKED, Sampling(temperature=0, max_new_tokens=12))
ENDLESS = replace(QUESTION, sampling=Sampling(temperature=0, max_new_tokens=CONTEXT))
"""Takes seconds where nobody stops it: the lanes end after some 1,200 and 4,000 tokens."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Opening:
    """Mimi's card, and a home with her finished run on a base of a long context."""
    root = tmp_path_factory.mktemp("worker")
    (root / "mimi.yaml").write_text(CARD)
    base = save_tiny_base(root / "base", chatml_tokenizer, context=CONTEXT)
    run = Home(root / "home").runs / "mimi" / "tiny"
    save_tiny_adapter(base, run / "adapter" / "best")
    (run / "run.json").write_text(json.dumps({"base_source": str(base)}))
    (run / "summary.json").write_text("{}")
    return Opening(root / "mimi.yaml", root / "home")


@pytest.fixture(scope="module")
def stages() -> list[Stage]:
    return []


@pytest.fixture(scope="module")
def worker(place: Opening, stages: list[Stage]) -> Iterator[AnswerProcess]:
    """One process for the whole file."""
    process = AnswerProcess(place, [sys.executable, "-c", NOISY])
    process.tell = stages.append
    process.load()
    yield process
    process.close()


def test_loading_tells_every_stage_in_order_and_what_was_loaded(worker: AnswerProcess, stages: list[Stage]) -> None:
    ready = worker.ready
    assert ready is not None
    texts = [stage.text for stage in stages]
    assert texts[:3] == ["importing torch", "importing transformers", "importing peft"]
    assert texts[3].startswith("loading the base /")
    assert texts[4:] == ["attaching the adapter"]
    assert [(stage.step, stage.steps) for stage in stages] == [(i, 5) for i in range(5)]
    assert (Path(ready.base).name, ready.context) == ("base", CONTEXT)
    assert (ready.adapter, ready.notice) == ("mimi/tiny@3", "")
    assert [(prefix.id, prefix.default) for prefix in ready.prefixes] == [("who", True), ("late", False)]


def test_the_process_answers_what_the_model_answers_here(worker: AnswerProcess, place: Opening) -> None:
    here = open_character(load_card(place.card), Home(place.home))

    def told(heard: object) -> object:
        return (heard.lane, heard.text, heard.tokens, heard.stopped) if isinstance(heard, Finished) else heard

    there = [told(heard) for heard in worker.answer(QUESTION) if not isinstance(heard, Piece)]

    assert there == [told(heard) for heard in here.answer(QUESTION) if not isinstance(heard, Piece)]
    assert len(there) == 4


def test_pieces_make_up_the_reply(worker: AnswerProcess) -> None:
    heard = list(worker.answer(QUESTION))

    for lane in (ask.lane for ask in LANES_ASKED):
        pieces = [event for event in heard if isinstance(event, Piece) and event.lane == lane]
        (done,) = [event for event in heard if isinstance(event, Finished) and event.lane == lane]
        assert "".join(piece.text for piece in pieces) == done.text
        assert [piece.tokens for piece in pieces] == sorted({piece.tokens for piece in pieces})
        assert pieces[-1].seconds <= done.seconds


def test_a_stop_ends_a_reply_in_its_middle(worker: AnswerProcess) -> None:
    cancel = Cancel()
    done: list[Finished] = []
    for event in worker.answer(ENDLESS, cancel):
        if isinstance(event, Piece) and not cancel.all:
            cancel.stop()
        if isinstance(event, Finished):
            done.append(event)

    assert [event.stopped for event in done] == ["cancelled"] * 2
    assert all(0 < event.tokens < CONTEXT for event in done)


def test_a_stop_of_one_lane_lets_the_other_go_on(worker: AnswerProcess) -> None:
    cancel, (first, other) = Cancel(), (ask.lane for ask in LANES_ASKED)
    done: dict[str, Finished] = {}
    for event in worker.answer(ENDLESS, cancel):
        if isinstance(event, Piece) and not cancel.lanes:
            cancel.stop(first)
        if isinstance(event, Piece) and first.name in done and event.tokens > done[first.name].tokens:
            cancel.stop()
        if isinstance(event, Finished):
            done[event.lane.name] = event

    assert done[first.name].stopped == done[other.name].stopped == "cancelled"
    assert done[first.name].tokens < done[other.name].tokens


def test_a_listener_who_leaves_ends_the_reply_and_the_next_is_whole(
    worker: AnswerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, child = list(worker.answer(QUESTION)), worker._process
    passed_over, receive = list[object](), worker._receive
    heard = worker.answer(ENDLESS)
    while not isinstance(next(heard), Piece):
        pass
    with monkeypatch.context() as patch:
        patch.setattr(worker, "_receive", lambda: passed_over.append(message := receive()) or message)
        heard.close()
    after = list(worker.answer(QUESTION))

    assert [one.stopped for one in passed_over if isinstance(one, Finished)] == ["cancelled"] * 2
    assert worker._process is child
    assert [e.text for e in after if isinstance(e, Finished)] == [e.text for e in before if isinstance(e, Finished)]


def test_a_prompt_longer_than_the_context_is_an_error_and_the_next_question_is_answered(worker: AnswerProcess) -> None:
    child = worker._process
    long = tuple(replace(ask, turns=(Turn("user", "逗" * CONTEXT),)) for ask in QUESTION.asks)
    with pytest.raises(BaseModelError, match=f"the base takes {CONTEXT}; shorten the message"):
        list(worker.answer(replace(QUESTION, asks=long)))

    assert [type(heard) for heard in worker.answer(QUESTION)][:2] == [Asked, Asked]
    assert worker._process is child


def test_a_worker_that_is_killed_in_a_reply_is_one_error_and_is_started_again(worker: AnswerProcess) -> None:
    first = worker._process
    assert first is not None
    heard = worker.answer(ENDLESS)
    while not isinstance(next(heard), Piece):
        pass
    os.kill(first.pid, signal.SIGKILL)
    with pytest.raises(BaseModelError, match="the model's process ended by signal SIGKILL"):
        list(heard)

    assert [event.stopped for event in worker.answer(QUESTION) if isinstance(event, Finished)] == ["length"] * 2
    assert worker._process is not first


def test_what_cannot_be_loaded_is_told_as_the_error_it_is_and_the_process_ends_in_order(
    place: Opening, tmp_path: Path
) -> None:
    faulty = tmp_path / "mimi.yaml"
    faulty.write_text(CARD + "nonsense: 1\ngreeting: [1]\n")
    expected: list[tuple[Opening, type[RoleplayError], list[str]]] = [
        (replace(place, base="/no/such/base"), BaseModelError, ["there is no folder /no/such/base"]),
        (replace(place, card=faulty), FileFaults, ["mimi.yaml:8: nonsense:", "mimi.yaml:9: greeting:"]),
    ]

    def fail(opening: Opening) -> tuple[RoleplayError, int, list[str]]:
        process = AnswerProcess(opening)
        with pytest.raises(RoleplayError) as caught:
            process.load()
        assert process._process is not None
        status = process._process.wait(60)
        process.close()
        return caught.value, status, list(process._noise)

    with ThreadPoolExecutor(2) as pool:
        for (error, status, noise), (_, kind, texts) in zip(
            pool.map(fail, [opening for opening, _, _ in expected]), expected, strict=True
        ):
            assert type(error) is kind
            assert [text for text in texts if text not in str(error)] == []
            assert (status, noise) == (1, []), "a clean end, not an abort"


def test_a_worker_ends_with_the_chat_that_started_it(place: Opening, tmp_path: Path) -> None:
    """The chat is killed in the middle of a reply; nobody is left to end the worker."""
    script = (
        "import sys; from pathlib import Path\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from roleplay.chat.process import AnswerProcess; from roleplay.chat.wire import Opening, decode\n"
        "process = AnswerProcess(decode(sys.stdin.buffer.readline()))\n"
        "question = decode(sys.stdin.buffer.readline())\n"
        "for heard in process.answer(question):\n    print(process._process.pid, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as chat:
        assert chat.stdin is not None
        assert chat.stdout is not None
        chat.stdin.write(encode(place) + encode(ENDLESS))
        chat.stdin.flush()
        pid = [int(chat.stdout.readline()) for _ in range(3)][-1]
        chat.kill()

    ends = time.monotonic() + 60
    while is_running(pid):
        assert time.monotonic() < ends, "the worker outlived its chat"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """Whether the process computes; a zombie that nobody waits for does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


def test_what_was_sent_and_how_likely_a_reply_was_are_looked_up_in_between(worker: AnswerProcess) -> None:
    (persona, base) = worker.look(LookUp(QUESTION))
    asked = [heard for heard in worker.answer(QUESTION) if isinstance(heard, Asked)]
    (weighed,) = worker.look(Weigh(QUESTION, "Aye."))

    assert isinstance(persona, Sent)
    assert isinstance(base, Sent)
    assert [persona.ids, base.ids] == [heard.ids for heard in asked]
    assert isinstance(weighed, Weighed)
    assert "".join(token.text for token in weighed.tokens) == "Aye."
