"""A chat model behind a real HTTP server."""

from collections.abc import Callable, Iterator

import pytest

from roleplay.authoring.asking import Answer, Prompt
from roleplay.authoring.choose import ModelChoice, open_models
from roleplay.authoring.client import ServerModel, server_url
from roleplay.dialogue import Turn
from roleplay.errors import PromptRefused, ServerError, UsageError
from tests.authoring.server import SOON, ChatServer, Reply, Request, serving

PROMPT = Prompt((Turn("system", "Be brief."), Turn("user", "Hello?")), max_tokens=50, temperature=0.5, seed=3)


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with serving("Hi.") as running:
        yield running


def model_of(server: ChatServer, retries: int = 2, timeout: float = 60.0, key: str | None = None) -> ServerModel:
    return ServerModel(server.url, "small", key=key, retries=retries, timeout=timeout)


def in_turn(*replies: Reply | str) -> Callable[[Request], Reply | str]:
    """One after the other, then the last again and again."""
    left = list(replies)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]


def test_messages_and_settings_are_sent_as_the_api_names_them(server: ChatServer) -> None:
    assert model_of(server, key=" secret\n").answer(PROMPT) == Answer("Hi.", "end", 11, 7)
    (request,) = server.requests
    assert request.key == "secret"
    assert request.body == {
        "model": "small",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}],
        "max_tokens": 50,
        "temperature": 0.5,
        "seed": 3,
    }


def test_a_server_that_asks_for_no_key_needs_none(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    (model,) = open_models(ModelChoice(server.url, "small"))
    assert model.answer(PROMPT).text == "Hi."
    assert server.requests[0].key == "none"


def test_the_key_comes_from_the_environment(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k-1")
    generator, scorer = open_models(ModelChoice(server.url, "small"), ModelChoice(server.url, "small"))
    assert generator is scorer
    generator.answer(PROMPT)
    assert server.requests[0].key == "k-1"
    assert "k-1" not in generator.name


def test_an_answer_is_cleaned_and_says_whether_it_was_cut(server: ChatServer) -> None:
    server.reply = lambda _: Reply("\x1b[2Jred\u202e \n", finish="length")
    assert model_of(server).answer(PROMPT) == Answer("[2Jred", "length", 11, 7)


@pytest.mark.parametrize(
    "failure",
    [
        Reply(status=429, headers={"retry-after": "0.001"}),
        Reply(status=500, headers=SOON),
        Reply(status=503, headers=SOON),
        Reply(status=408, headers=SOON),
    ],
)
def test_what_passes_is_tried_again(server: ChatServer, failure: Reply) -> None:
    server.reply = in_turn(failure, failure, "At last.")
    assert model_of(server).answer(PROMPT).text == "At last."
    assert len(server.requests) == 3


@pytest.mark.parametrize(("failure", "timeout"), [(Reply(hang_up=True), 60.0), (Reply(wait=60), 0.5)])
def test_hang_ups_and_slow_answers_are_tried_again(server: ChatServer, failure: Reply, timeout: float) -> None:
    server.reply = in_turn(failure, "At last.")
    assert model_of(server, retries=4, timeout=timeout).answer(PROMPT).text == "At last."
    assert len(server.requests) > 1


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (
            Reply("slow down", 429, headers=SOON | {"retry-after": "30"}),
            "status 429: slow down; wait 30 s, then run the",
        ),
        (Reply("burning", 500, headers=SOON), "status 500: burning, 3 times in a row; look at the server's log, then"),
        (Reply("bad key", 401), "status 401: bad key; put a key that is valid there into OPENAI_API_KEY"),
        (
            Reply("no model", 404),
            "status 404: no model; check that the URL is right, as a rule with /v1 at its end, and that 'small' is",
        ),
        (Reply("a teapot", 418), "status 418: a teapot; look at the server's log, then run the same command again"),
        (Reply(status=502, body="<html>\x1b[1mBad", headers=SOON), "status 502: <html>[1mBad, 3 times"),
        (Reply(body='{"choices": ['), 'status 200 and what the OpenAI API does not know (seen: {"choices": [); check'),
        (Reply(body='{"choices": []}'), "status 200 and what the OpenAI API does not know"),
        (Reply(body='{"choices": [{"message": {"content": [1]}}]}'), "what the OpenAI API does not know"),
        (Reply(body="hello", headers={"content-type": "text/plain"}), "(seen: hello)"),
        (Reply(body="", headers={"content-type": "text/html"}), "(seen: nothing)"),
    ],
)
def test_what_stays_is_one_error_with_url_status_and_remedy(server: ChatServer, failure: Reply, told: str) -> None:
    server.reply = lambda _: failure
    with pytest.raises(ServerError) as caught:
        model_of(server).answer(PROMPT)
    assert told in str(caught.value)
    assert str(caught.value).startswith(f"{server.url} answered with status ")
    assert "\x1b" not in str(caught.value)


def test_a_wait_longer_than_anybody_waits_is_an_error_at_once(server: ChatServer) -> None:
    server.reply = lambda _: Reply("quota", 429, headers={"retry-after": "3600"})
    with pytest.raises(ServerError, match="wait 3600 s, then run the same command again"):
        model_of(server).answer(PROMPT)
    assert len(server.requests) == 1


def test_no_server_and_no_answer_are_named() -> None:
    with serving(Reply(wait=60)) as server:
        with pytest.raises(ServerError, match=r"said nothing for 0.1 s; raise --timeout, then run the same command"):
            model_of(server, retries=0, timeout=0.1).answer(PROMPT)
        gone = model_of(server, retries=0)
    with pytest.raises(
        ServerError, match=r"cannot be reached, or hung up: .*refused.*; start the server or correct its URL"
    ):
        gone.answer(PROMPT)


def test_a_prompt_that_is_refused_is_an_error_of_its_own(server: ChatServer) -> None:
    server.reply = lambda _: Reply("context length exceeded", 400)
    with pytest.raises(PromptRefused, match="status 400: context length exceeded; shorten it with --passage"):
        model_of(server).answer(PROMPT)
    assert len(server.requests) == 1


def test_settings_that_a_model_does_not_take_are_left_out(server: ChatServer) -> None:
    def picky(request: Request) -> Reply | str:
        for name in ("max_tokens", "temperature"):
            if name in request.body:
                error = {"error": {"message": f"Unsupported: {name}", "param": name}}
                return Reply(status=400, body=str(error).replace("'", '"'))
        return "Fine."

    server.reply = picky
    model = model_of(server)
    assert model.answer(PROMPT).text == "Fine."
    assert server.requests[-1].body.keys() == {"model", "messages", "max_completion_tokens", "seed"}
    model.answer(PROMPT)
    assert len(server.requests) == 4


def test_the_only_model_of_a_server_need_not_be_named(server: ChatServer) -> None:
    model = ServerModel(server.url, None, key=None)
    assert model.name == f"small at {server.url}"
    server.models = ("a", "b\x1b")
    with pytest.raises(UsageError, match=r"serves 2 models; choose one with --model: a, b$"):
        ServerModel(server.url, None, key=None)
    with pytest.raises(ServerError, match="status 404: no /wrong/models here"):
        ServerModel(server.url.replace("/v1", "/wrong"), None, key=None, retries=0)


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("http://localhost:11434", "http://localhost:11434/v1"),
        ("http://localhost:11434/", "http://localhost:11434/v1"),
        ("https://host/openai/v1/", "https://host/openai/v1"),
    ],
)
def test_a_url_without_a_path_gets_the_usual_one(typed: str, url: str) -> None:
    assert server_url(typed) == url


@pytest.mark.parametrize(
    "typed", ["", "localhost:11434", "pocket", "ftp://host", "http://", "http://h:x", "http://a b", "http://h\x1b"]
)
def test_what_is_no_url_is_refused(typed: str) -> None:
    with pytest.raises(UsageError, match="is no server; write a URL such as"):
        server_url(typed)


def test_a_login_in_the_url_is_not_shown() -> None:
    assert ServerModel("http://me:pass@host/v1", "m", key=None).name == "m at http://host/v1"


@pytest.mark.parametrize(("key", "model"), [("sk-\u200b1", "m"), (None, "m\x1b"), (None, " ")])
def test_keys_and_names_that_cannot_be_sent_are_refused(key: str | None, model: str) -> None:
    with pytest.raises(UsageError):
        ServerModel("http://host/v1", model, key=key)
