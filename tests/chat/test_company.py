"""Models of other programs answer beside the base: real servers, well and badly behaved."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from roleplay.chat.company import Company
from roleplay.chat.question import Ask, Asked, Heard, Question, Unanswered
from roleplay.chat.remote import RemoteModel
from roleplay.chat.remotes import Remote, parse_remote
from roleplay.chat.session import Session
from roleplay.chat.store import ChatStore
from roleplay.chat.wire import Opening
from roleplay.dialogue import Turn
from roleplay.errors import BaseModelError, ContextFull
from roleplay.generation.events import Cancel, Finished, Piece
from roleplay.generation.lanes import LANES, Lane
from roleplay.generation.settings import Sampling
from roleplay.paths import Home
from tests.chat.scripted import CARD, Reply, Scripted, shown, stored
from tests.chat.scripted_worker import scripted
from tests.chat.sse import PATIENCE, Script, Server, streaming

HERE = LANES["persona+prefix"]
NOWHERE = Scripted()
"""A base that must not be asked."""
SAMPLING = Sampling(temperature=0.5, top_p=0.8, max_new_tokens=64, seed=2**40 + 7)
HISTORY = (Turn("assistant", "Soup's on."), Turn("user", "Hi, {{char}}."))


@pytest.fixture
def server() -> Iterator[Server]:
    with streaming() as server:
        yield server


def ask(lane: Lane, *prefixes: str) -> Ask:
    return Ask(lane, prefixes, 0, HISTORY)


def question(*lanes: Lane) -> Question:
    return Question(tuple(ask(lane, "who") for lane in lanes), SAMPLING)


def alone(remote: Remote) -> list[Heard]:
    """All that one remote model says."""
    return list(Company(NOWHERE, CARD, [remote]).answer(question(remote.lane)))


def problem(remote: Remote) -> str:
    """Why a remote model has nothing to say."""
    *_, last = alone(remote)
    assert isinstance(last, Unanswered)
    assert last.lane == remote.lane
    return last.problem


def test_a_reply_streams_in_and_no_base_is_asked(server: Server) -> None:
    remote = server.remote()
    asked, *pieces, finished = alone(remote)

    assert asked == Asked(remote.lane, ("who",), 0, ())
    assert [piece.text for piece in pieces if isinstance(piece, Piece)] == ["Hello", ", ", "Captain."]
    assert [piece.tokens for piece in pieces if isinstance(piece, Piece)] == [1, 2, 3]
    assert isinstance(finished, Finished)
    assert (finished.text, finished.tokens, finished.stopped) == ("Hello, Captain.", 3, "end")


def test_the_prompt_is_the_one_of_the_base_and_settings_go_along(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    remote = server.remote("qwen3:0.6b")
    question = Question((ask(remote.lane, "template-default", "who", "late"),), SAMPLING)
    asked, *_ = Company(NOWHERE, CARD, [remote]).answer(question)

    assert isinstance(asked, Asked)
    assert asked.prefixes == ("who", "late")
    assert server.keys == ["sk-mine"]
    assert server.bodies == [
        {
            "model": "qwen3:0.6b",
            "messages": [
                {"role": "system", "content": "You are Mira.\n\nIt is late."},
                {"role": "assistant", "content": "Soup's on."},
                {"role": "user", "content": "Hi, Mira."},
            ],
            "stream": True,
            "max_tokens": 64,
            "temperature": 0.5,
            "top_p": 0.8,
            "seed": 7,
        }
    ]


def test_the_card_that_the_chat_was_begun_with_speaks(server: Server) -> None:
    remote, old = server.remote(), CARD.model_copy(update={"display_name": "Old Mira"})
    list(Company(NOWHERE, CARD, [remote]).answer(Question((ask(remote.lane, "who"),), SAMPLING, card=old)))

    assert server.bodies[0]["messages"][0]["content"] == "You are Old Mira."


def test_settings_that_a_server_refuses_are_left_out_from_then_on() -> None:
    refusals = (
        Script(status=400, error="Unsupported parameter", param="max_tokens"),
        Script(status=400, error="'temperature' does not support 0.5"),
        Script(status=422, error="no", param="seed"),
    )
    with streaming(*refusals, Script()) as server:
        company = Company(NOWHERE, CARD, [server.remote()])
        for _ in range(2):
            *_, finished = company.answer(question(server.remote().lane))
            assert isinstance(finished, Finished)

    settings = [sorted(set(body) - {"model", "messages", "stream"}) for body in server.bodies]
    assert settings[3:] == [["max_completion_tokens", "top_p"]] * 2


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (
            Script(status=500, error="boom \x1b[31m"),
            r"small at http://127.* answered with status 500: boom \[31m; look",
        ),
        (Script(status=401, error="who?"), "status 401: who\\?; put a key that is valid there into OPENAI_API_KEY"),
        (Script(status=404), "status 404: .*; check that the URL is right, as a rule with /v1"),
        (Script(status=429), "status 429: .*; wait"),
        (Script(status=400, error="too long"), "status 400: too long; begin a new chat"),
        (Script(hang_up=True, finish=None), "cannot be reached, or hung up"),
        (Script(finish=None), "broke off in the middle of its reply"),
        (Script(raw=("<html>hello</html>\n\n",)), "nothing of the OpenAI API; check that the URL"),
        (Script(raw=("data: {not json\n\n",)), "said what the OpenAI API does not know"),
        (Script(raw=("data: 7\n\n",)), "said what the OpenAI API does not know"),
        (Script(raw=('data: {"choices": "none"}\n\n',)), "said what the OpenAI API does not know"),
        (Script(raw=('data: {"choices": [{"delta": {"content": 7}}]}\n\n',)), "said what the OpenAI API does not know"),
        (Script(raw=('data: {"error": {"message": "out of \\u001b memory"}}\n\n',)), "failed: out of  ?memory"),
    ],
)
def test_what_a_server_does_wrong_is_one_message(script: Script, told: str) -> None:
    with streaming(script) as server:
        message = problem(server.remote())

    assert re.search(told, message), message
    assert "\x1b" not in message


def test_a_server_that_is_not_there_is_one_message() -> None:
    assert "cannot be reached" in problem(parse_remote("small@http://127.0.0.1:9/v1"))
    assert "secret" not in problem(parse_remote("small@http://me:secret@127.0.0.1:9/v1"))


def test_a_lane_without_a_server_is_one_message() -> None:
    (heard,) = Company(NOWHERE, CARD).answer(question(Lane(False, True, model="gone")))

    assert isinstance(heard, Unanswered)
    assert "nobody knows where gone is" in heard.problem


def test_odd_but_harmless_pieces_are_read() -> None:
    raw = (
        ": a comment\n\n",
        'data: {"choices": []}\n\n',
        'data: {"choices": [{"delta": null}]}\n\n',
        'data: {"choices": [{"delta": {"content": null, "reasoning": "hm"}}], "more": 1}\n\n',
        'data: {"choices": [{"delta": {"content": "a\\u001b[2Jb\\u202e"}}]}\n\n',
        'data: {"choices": [{"delta": {"content": "猫"}, "finish_reason": "length"}]}\n\n',
        'data: {"choices": [], "usage": {"completion_tokens": 9}}\n\n',
    )
    with streaming(Script(raw=raw)) as server:
        *_, finished = alone(server.remote())

    assert isinstance(finished, Finished)
    assert (finished.text, finished.tokens, finished.stopped) == ("a[2Jb猫", 9, "length")


def test_a_reply_that_breaks_off_keeps_what_was_said(home: Home) -> None:
    with streaming(Script(pieces=("Well", ", I"), hang_up=True, finish=None)) as server:
        store = ChatStore(home.chats)
        remote = server.remote()
        company = Company(Scripted("Aye."), CARD, [remote])
        session = Session(CARD, CARD.prefixes, company, store)
        session.say("Hi")
        heard = list(session.answer([HERE, remote.lane], SAMPLING))

    assert any(isinstance(one, Unanswered) for one in heard)
    assert shown(session) == ["Hi", "Aye."]
    assert [(said.text, said.lane, said.stopped) for said in session.beside(session.line[0])] == [
        ("Well, I", "@small", "cut")
    ]
    assert stored(store) == [("Hi", None), ("Aye.", "end")]
    assert [turn.text for turn in store.replies_to(1)] == ["Aye.", "Well, I"]


def test_lanes_stream_together_and_one_that_fails_stops_nobody() -> None:
    """The server goes on only after the base, too, has said something: who waited for one's end would wait in vain."""
    with streaming(Script(waits=True)) as one, streaming(Script(status=500)) as other:
        company = Company(Slow(), CARD, [one.remote("slow"), other.remote("broken")])
        cancel, heard = Cancel(), list[Heard]()
        for said in company.answer(question(HERE, *company.lanes), cancel):
            heard.append(said)
            if isinstance(said, Piece) and said.lane == HERE and any(pieces(heard, company.lanes[0])):
                one.go_on.set()
            if isinstance(said, Finished) and said.lane.model:
                cancel.stop(HERE)

    assert one.go_on.is_set()
    assert pieces(heard, company.lanes[0]) == ["Hello", ", ", "Captain."]
    assert [said.lane.name for said in heard if isinstance(said, Finished)] == ["@slow", "persona+prefix"]
    assert [said.lane.name for said in heard if isinstance(said, Unanswered)] == ["@broken"]


def pieces(heard: list[Heard], lane: Lane) -> list[str]:
    """What a lane has said so far."""
    return [said.text for said in heard if isinstance(said, Piece) and said.lane == lane]


def test_where_the_base_fails_the_others_finish_first(server: Server) -> None:
    company = Company(Scripted(Reply([], error=ContextFull("full"), asked=False)), CARD, [server.remote()])
    heard: list[Heard] = []
    with pytest.raises(ContextFull, match="full"):
        heard.extend(company.answer(question(HERE, server.remote().lane)))

    assert [said.text for said in heard if isinstance(said, Finished)] == ["Hello, Captain."]


@pytest.mark.parametrize(
    ("script", "said"), [(Script(silent=True), []), (Script(stuck=True), ["Hello", ", ", "Captain."])]
)
def test_a_server_that_hangs_can_be_stopped(script: Script, said: list[str]) -> None:
    with streaming(script) as server, streaming() as other:
        remotes = [server.remote("hangs"), other.remote("well")]
        (hangs, well), cancel, heard = (remote.lane for remote in remotes), Cancel(), list[Heard]()
        for one in Company(NOWHERE, CARD, remotes).answer(question(hangs, well), cancel):
            heard.append(one)
            if pieces(heard, hangs) == said and any(isinstance(one, Finished) for one in heard):
                until(lambda: server.bodies)
                cancel.stop(hangs)

        assert server.left.wait(PATIENCE)
    ends = {one.lane: (one.text, one.stopped) for one in heard if isinstance(one, Finished)}
    assert ends == {hangs: ("".join(said), "cancelled"), well: ("Hello, Captain.", "end")}


def until(true: Callable[[], object]) -> None:
    """Wait for what another thread does."""
    ends = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.005)


def test_stopping_all_stops_everybody() -> None:
    with streaming(Script(silent=True)) as server:
        cancel, heard = Cancel(), list[Heard]()
        company = Company(Slow(), CARD, [server.remote()])
        for one in company.answer(question(HERE, server.remote().lane), cancel):
            heard.append(one)
            if server.bodies:
                cancel.stop()

        assert server.left.wait(PATIENCE)
    assert {one.lane.name: one.stopped for one in heard if isinstance(one, Finished)} == {
        "persona+prefix": "cancelled",
        "@small": "cancelled",
    }


def test_whoever_stops_listening_stops_everybody() -> None:
    with streaming(Script(stuck=True)) as server:
        local = Slow()
        heard = Company(local, CARD, [server.remote()]).answer(question(HERE, server.remote().lane))
        next(said for said in heard if isinstance(said, Piece) and said.lane.model)
        heard.close()  # type: ignore[attr-defined]  # it is a generator

        assert server.left.wait(PATIENCE)
        assert local.ended.wait(PATIENCE)


def test_a_server_that_stays_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RemoteModel.__init__, "__kwdefaults__", {"patience": 0.2, "beyond": False})
    with streaming(Script(silent=True)) as server:
        assert "said nothing for 0.2 s" in problem(server.remote())
    with streaming(Script(stuck=True)) as server:
        assert "said nothing for 0.2 s" in problem(server.remote())


def test_a_remote_model_can_hold_the_conversation(server: Server, home: Home) -> None:
    remote = server.remote()
    session = Session(CARD, CARD.prefixes, Company(NOWHERE, CARD, [remote]), ChatStore(home.chats))
    session.say("Hi")
    list(session.answer([remote.lane], SAMPLING))
    server.scripts[:] = [Script(status=500)]
    *_, last = session.answer([remote.lane], SAMPLING)

    assert shown(session) == ["Hi", "Hello, Captain."]
    assert isinstance(last, Unanswered)
    assert session.line[1].lane == "@small"


def test_a_real_process_is_stopped_together_with_the_others() -> None:
    with streaming(Script(stuck=True)) as server:
        process, cancel = scripted("waits"), Cancel()
        company = Company(process, CARD, [server.remote()])
        heard = []
        for said in company.answer(question(HERE, server.remote().lane), cancel):
            heard.append(said)
            if {one.lane for one in heard if isinstance(one, Piece)} == {HERE, server.remote().lane}:
                cancel.stop()
        process.close()

    ends = {one.lane.name: one.stopped for one in heard if isinstance(one, Finished)}
    assert ends == {"persona+prefix": "cancelled", "@small": "cancelled"}


def test_a_process_that_dies_takes_nobody_along(server: Server, tmp_path: Path) -> None:
    process = scripted("killed", Opening(Path("mira.yaml"), tmp_path))
    company = Company(process, CARD, [server.remote()])
    heard: list[Heard] = []
    with pytest.raises(BaseModelError, match="SIGKILL"):
        heard.extend(company.answer(question(HERE, server.remote().lane)))
    again = list(company.answer(question(HERE, server.remote().lane)))
    process.close()

    assert [said.text for said in heard if isinstance(said, Finished)] == ["Hello, Captain."]
    assert {said.text for said in again if isinstance(said, Finished)} == {"Hello, Captain.", "say 0"}


class Slow:
    """A base that speaks until it is told to stop."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    def answer(self, question: Question, cancel: Cancel | None = None) -> Iterator[Heard]:
        assert cancel is not None
        lane, said = question.asks[0].lane, 0
        yield Asked(lane, (), 0, (1,))
        while not cancel.holds(lane):
            time.sleep(0.01)
            said += 1
            yield Piece(lane, "la ", said, 0.1)
        self.ended.set()
        cancel.stop()  # as whoever generates in another thread does at the end
        yield Finished(lane, "la " * said, said, "cancelled", 0.1)
