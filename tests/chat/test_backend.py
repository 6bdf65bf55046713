"""A character that a server answers for: a real server, well and badly behaved."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from roleplay.chat.backend import Backend
from roleplay.chat.inspection import LookUp, Weigh
from roleplay.chat.question import Ask, Asked, Heard, Question, Unanswered
from roleplay.chat.wire import Ready
from roleplay.dialogue import Turn
from roleplay.errors import ServerError, UsageError
from roleplay.generation.events import Cancel, Finished, Piece
from roleplay.generation.lanes import LANES, Lane
from roleplay.generation.settings import Sampling
from tests.chat.scripted import CARD
from tests.chat.sse import PATIENCE, Script, Server, streaming

PERSONA, BASE, BARE = LANES["persona+prefix"], LANES["base+prefix"], LANES["persona"]
SAMPLING = Sampling(0.5, 0.8, 5, 0.1, 1.2, max_new_tokens=64, seed=7)
HISTORY = (Turn("assistant", "Soup's on."), Turn("user", "Hi, {{char}}."))
MODELS = [{"id": "mira", "parent": "pocket"}, {"id": "mira:no-prefix", "parent": "pocket"}, {"id": "pocket"}]


@pytest.fixture
def server() -> Iterator[Server]:
    """As `roleplay serve mira` lists its models."""
    with streaming() as server:
        server.models = MODELS
        yield server


def behind(server: Server) -> Backend:
    return Backend(f"{server.url}/v1", CARD)


def question(*lanes: Lane, said: str = "", **more: Any) -> Question:
    asks = [Ask(lane, ("who",) if lane.prefix else (), 0, HISTORY, said) for lane in lanes]
    return Question(tuple(asks), SAMPLING, **more)


def texts(heard: list[Heard]) -> dict[Lane, tuple[str, str]]:
    return {one.lane: (one.text, one.stopped) for one in heard if isinstance(one, Finished)}


def body(server: Server, model: str, messages: int) -> dict[str, Any]:
    """The one request to a model with so many messages."""
    (found,) = [one for one in server.bodies if one["model"] == model and len(one["messages"]) == messages]
    return found


def test_loading_asks_who_is_there_and_tells_so(server: Server) -> None:
    server.models = [{"id": "mira", "parent": "big", "max_model_len": 4096, "root": "/a"}, {"id": "big"}]
    backend, told = Backend(server.url.replace("//", "//me:secret@") + "/v1", CARD), []
    backend.tell = lambda stage: told.append(stage.text)
    ready = backend.load()

    shown_url = f"{server.url}/v1"
    adapter = f"mira at {shown_url}"
    assert ready == Ready("big", f"big at {shown_url}", 4096, adapter, "", tuple(CARD.prefixes), has_base=True)
    assert backend.ready is ready
    assert told == [f"asking {shown_url}"]
    assert backend.load() is ready
    assert server.listed == 1


def test_lanes_go_by_the_models_name_and_prefixes_are_put_in_front_here(server: Server) -> None:
    heard = list(behind(server).answer(question(*LANES.values())))

    assert {one.lane for one in heard if isinstance(one, Asked)} == set(LANES.values())
    assert texts(heard) == dict.fromkeys(LANES.values(), ("Hello, Captain.", "end"))
    plain = [{"role": "assistant", "content": "Soup's on."}, {"role": "user", "content": "Hi, Mira."}]
    for model in ("mira:no-prefix", "pocket"):
        with_prefix = body(server, model, 3)["messages"]
        assert with_prefix == [{"role": "system", "content": "You are Mira."}, *plain]
        assert body(server, model, 2)["messages"] == plain


def test_every_sampling_setting_goes_along(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    list(behind(server).answer(question(PERSONA)))
    (sent,) = server.bodies

    settings = {key: value for key, value in sent.items() if key not in ("model", "messages", "stream")}
    assert settings == {
        "max_tokens": 64,
        "temperature": 0.5,
        "top_p": 0.8,
        "seed": 7,
        "top_k": 5,
        "min_p": 0.1,
        "repetition_penalty": 1.2,
        "stream_options": {"include_usage": True},
    }
    assert server.keys == ["sk-mine", "sk-mine"]


def test_settings_that_a_server_refuses_are_left_out_from_then_on(server: Server) -> None:
    server.scripts[:] = [
        Script(status=400, error="Unrecognized request argument supplied: min_p"),
        Script(status=422, error="no", param="repetition_penalty"),
        Script(),
    ]
    backend = behind(server)
    for _ in range(2):
        assert texts(list(backend.answer(question(PERSONA)))) == {PERSONA: ("Hello, Captain.", "end")}

    for sent in server.bodies[2:]:
        assert sent["top_k"] == 5
        assert not {"min_p", "repetition_penalty"} & set(sent)


def test_two_lanes_of_one_model_learn_each_for_itself_that_a_greeting_is_refused(server: Server) -> None:
    refused = Script(status=400, error="Conversation roles must alternate")
    server.scripts[:] = [refused, refused, Script()]
    heard = list(behind(server).answer(question(PERSONA, BARE)))

    assert texts(heard) == dict.fromkeys((PERSONA, BARE), ("Hello, Captain.", "end"))


def test_a_reply_that_was_cut_goes_on(server: Server) -> None:
    heard = list(behind(server).answer(question(PERSONA, said="Well. ")))

    assert texts(heard) == {PERSONA: ("Well. Hello, Captain.", "end")}
    assert [one.text for one in heard if isinstance(one, Piece)] == ["Hello", ", ", "Captain."]
    (sent,) = server.bodies
    assert sent["messages"][-1] == {"role": "assistant", "content": "Well. "}
    assert (sent["continue_final_message"], sent["add_generation_prompt"]) == (True, False)


def test_a_server_that_cannot_go_on_is_one_message(server: Server) -> None:
    server.scripts[:] = [Script(status=400, error="Unknown field: continue_final_message")]
    with pytest.raises(ServerError, match=r"cannot go on with a reply that was cut; Ctrl\+R draws it anew"):
        list(behind(server).answer(question(PERSONA, said="Well. ")))

    assert len(server.bodies) == 1


def test_the_card_that_the_chat_was_begun_with_speaks(server: Server) -> None:
    old = CARD.model_copy(update={"display_name": "Old Mira"})
    list(behind(server).answer(question(PERSONA, card=old)))

    assert server.bodies[0]["messages"][0]["content"] == "You are Old Mira."


def test_without_a_base_only_its_lanes_are_missing(server: Server) -> None:
    server.models = [{"id": "mira"}, {"id": "one"}, {"id": "two"}]
    backend = behind(server)
    ready = backend.load()
    heard = list(backend.answer(question(PERSONA, BASE)))

    assert ready is not None
    assert (ready.has_base, ready.base, ready.context) == (False, "an unknown base", None)
    assert texts(heard) == {PERSONA: ("Hello, Captain.", "end")}
    (lost,) = [one for one in heard if isinstance(one, Unanswered)]
    assert lost.lane == BASE
    assert "has no base that answers without the adapter" in lost.problem
    with pytest.raises(ServerError, match="has no base"):
        list(backend.answer(question(BASE)))


def test_without_an_adapter_the_base_answers_and_that_is_told(server: Server) -> None:
    server.models = [{"id": "mira", "owned_by": "roleplay"}, {"id": "pocket", "owned_by": "roleplay"}]
    backend = behind(server)
    assert (backend.adapter, backend.notice) == (None, "")
    heard = list(backend.answer(question(BASE, PERSONA)))

    assert texts(heard) == {BASE: ("Hello, Captain.", "end")}
    assert backend.ready is not None
    assert (backend.adapter, backend.ready.base, backend.ready.has_base) == (None, "pocket", True)
    assert backend.notice == f"mira at {server.url}/v1 has no adapter. The base answers with the prefix alone"
    (lost,) = [one for one in heard if isinstance(one, Unanswered)]
    assert "has no adapter of this character; choose another lane" in lost.problem


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (question(PERSONA, strength=0.6), "as it was trained, not at 60%; /strength 100 goes back"),
        (question(PERSONA, adapter="old@last"), "was started with, not with 'old@last'; /adapter card goes back"),
        (question(Lane(True, True, which="old@last")), "was started with, not with 'old@last'"),
    ],
)
def test_what_a_server_cannot_do_is_refused_before_it_is_asked(server: Server, asked: Question, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        list(behind(server).answer(asked))

    assert (server.listed, server.bodies) == (0, [])


def test_a_server_tells_neither_tokens_nor_how_likely_they_are(server: Server) -> None:
    with pytest.raises(UsageError, match="does not tell the tokens it makes of a chat; without --backend"):
        behind(server).look(LookUp(question(PERSONA)))
    with pytest.raises(UsageError, match="does not tell how likely each token is; without --backend"):
        behind(server).look(Weigh(question(PERSONA), "Aye."))


def test_one_lane_is_stopped_and_the_other_goes_on(server: Server) -> None:
    server.scripts[:] = [Script(waits=True)]
    cancel, heard = Cancel(), list[Heard]()
    for one in behind(server).answer(question(PERSONA, BASE), cancel):
        heard.append(one)
        if {one.lane for one in heard if isinstance(one, Piece)} == {PERSONA, BASE}:
            cancel.stop(BASE)
        if isinstance(one, Finished) and one.lane == BASE:
            server.go_on.set()

    assert texts(heard) == {PERSONA: ("Hello, Captain.", "end"), BASE: ("Hello", "cancelled")}


def test_where_the_first_lane_fails_the_other_has_its_say_first(server: Server) -> None:
    server.models = [{"id": "mira"}]
    heard: list[Heard] = []
    with pytest.raises(ServerError, match="has no base"):
        heard.extend(behind(server).answer(question(BASE, PERSONA)))

    assert texts(heard) == {PERSONA: ("Hello, Captain.", "end")}
    assert not [one for one in heard if isinstance(one, Unanswered)]


def test_after_a_failure_the_server_is_looked_at_anew(server: Server) -> None:
    server.scripts[:] = [Script(pieces=("Half",), hang_up=True, finish=None), Script()]
    backend, heard = behind(server), list[Heard]()
    with pytest.raises(ServerError, match="hung up"):
        heard.extend(backend.answer(question(PERSONA)))
    assert [one.text for one in heard if isinstance(one, Piece)] == ["Half"]
    server.models = [{"id": "mira"}, {"id": "other"}]
    again = list(backend.answer(question(PERSONA)))

    assert texts(again) == {PERSONA: ("Hello, Captain.", "end")}
    assert [sent["model"] for sent in server.bodies] == ["mira:no-prefix", "mira"]
    assert backend.ready is not None
    assert backend.ready.base == "other"
    list(backend.answer(question(PERSONA)))
    assert server.listed == 2


def test_a_server_that_is_not_there_is_one_message_and_asked_again() -> None:
    with streaming() as gone:
        pass
    backend = behind(gone)
    for _ in range(2):
        with pytest.raises(ServerError, match=f"{gone.url}/v1 cannot be reached"):
            backend.load()


@pytest.mark.parametrize("how", ["close", "cancel"])
def test_waiting_for_a_silent_server_ends_when_nobody_waits_any_more(server: Server, how: str) -> None:
    server.listing = Script(silent=True)
    backend, cancel, heard = behind(server), Cancel(), list[object]()
    waiting = threading.Thread(target=lambda: heard.append(backend.load(cancel)), daemon=True)
    waiting.start()
    late = threading.Thread(target=lambda: heard.extend(backend.answer(question(PERSONA), cancel)), daemon=True)
    late.start()
    if how == "close":
        backend.close()
    else:
        cancel.stop()
    for thread in (waiting, late):
        thread.join(PATIENCE)

    assert heard == [None]
    assert server.bodies == []
