"""The application over a tiny base, in this process: full queues, failures, who may come in."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from roleplay.generation.rolling import Rolling
from roleplay.serve.answer import Answer
from roleplay.serve.app import make_app
from tests.serve.conftest import MakeModels, Models
from tests.serve.served import CHAT, KEY, PATIENCE

WORD = "QUOKKA"
HELD = {"Authorization": f"Bearer {KEY}"}
NEVER = 339
"""An end of turn that nobody says."""
Use = Callable[[httpx2.AsyncClient], Awaitable[Any]]


def using(models: Models, use: Use, *, key: str | None = None, hosts: set[str] | None = None) -> tuple[Any, list[str]]:
    """What `use` returns with a client of the application, and what the application reported."""
    reports: list[str] = []

    async def run() -> Any:
        app = make_app(models, key, hosts or set(), reports.append)
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http:
            return await asyncio.wait_for(use(http), PATIENCE)

    return asyncio.run(run()), reports


def rolling_of(models: Models) -> Rolling:
    return models["mimi"].rolling


def wish(**fields: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": WORD}]
    return {"model": "mimi", "messages": said, "max_tokens": 6, "temperature": 0, "seed": 1, **fields}


def error(answer: httpx2.Response) -> dict[str, Any]:
    """The error, in the shape that clients of the API take apart."""
    [(name, told)] = answer.json().items()
    assert name == "error"
    assert set(told) == {"message", "type", "param", "code"}
    assert isinstance(told["message"], str)
    assert WORD not in answer.text
    return dict(told)


async def counted(http: httpx2.AsyncClient, **headers: str) -> dict[tuple[str, str], float]:
    """Samples by name and status, summed over models."""
    told: dict[tuple[str, str], float] = {}
    for family in text_string_to_metric_families((await http.get("/metrics", headers=headers)).text):
        for sample in family.samples:
            at = (sample.name, sample.labels.get("status", ""))
            told[at] = told.get(at, 0) + sample.value
    return told


def test_beyond_its_places_and_its_queue_a_server_tells_to_come_again(make_models: MakeModels) -> None:
    models, go_on = make_models(rows=2, waiting=2), threading.Event()
    base = rolling_of(models).engine.base.model
    handle = base.register_forward_pre_hook(lambda *_: go_on.wait(PATIENCE) and None)

    async def use(http: httpx2.AsyncClient) -> tuple[list[httpx2.Response], httpx2.Response, dict[Any, float]]:
        tasks = [asyncio.ensure_future(http.post(CHAT, json=wish(seed=n))) for n in range(4)]
        while sum(rolling_of(models).load) < 4:
            await asyncio.sleep(0.01)
        beyond = await http.post(CHAT, json=wish())
        load = await counted(http)
        go_on.set()
        return await asyncio.gather(*tasks), beyond, load

    (answers, beyond, load), reports = using(models, use)
    handle.remove()

    assert (beyond.status_code, beyond.headers["retry-after"]) == (429, "1")
    assert (error(beyond)["type"], error(beyond)["code"]) == ("rate_limit_error", "server_busy")
    assert load["roleplay_replies_running", ""] + load["roleplay_replies_waiting", ""] == 4
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({answer.json()["choices"][0]["message"]["content"] for answer in answers}) == 1
    assert reports == []


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (ValueError(WORD), "the model failed with ValueError; ask again"),
        (MemoryError(WORD), "the model ran out of memory; send less"),
        (RuntimeError(f"CUDA out of memory {WORD}"), "the model ran out of memory; send less"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_fails_is_an_error_of_the_server_and_the_next_request_is_answered(
    stream: bool, raised: Exception, told: str, make_models: MakeModels
) -> None:
    models, failing = make_models(), [raised]

    def fail(*_: object) -> None:
        if failing:
            raise failing.pop()

    rolling_of(models).engine.base.model.register_forward_pre_hook(fail)

    async def use(http: httpx2.AsyncClient) -> tuple[httpx2.Response, httpx2.Response, dict[Any, float]]:
        return await http.post(CHAT, json=wish(stream=stream)), await http.post(CHAT, json=wish()), await counted(http)

    (failed, answered, counts), reports = using(models, use)

    if stream:
        assert failed.status_code == 200, "it was sent before the model was asked"
        last = json.loads(failed.text.strip().splitlines()[-1].removeprefix("data: "))["error"]
    else:
        assert failed.status_code == 500
        last = error(failed)
    assert (last["type"], last["code"]) == ("server_error", "model_failed")
    assert told in last["message"]
    assert WORD not in failed.text
    assert (answered.status_code, reports) == (200, [])
    assert counts["roleplay_requests_total", "500"] == counts["roleplay_requests_total", "200"] == 1
    assert counts.get(("roleplay_requests_left_total", ""), 0) == 0


def test_a_fault_of_the_program_is_reported_by_its_place_and_no_word_of_a_client(
    make_models: MakeModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(answer: Answer, request: Any) -> None:
        raise ZeroDivisionError(request.messages[0].text)

    monkeypatch.setattr(Answer, "ask", fail)

    failed, [report] = using(make_models(), lambda http: http.post(CHAT, json=wish()))

    assert failed.status_code == 500
    assert (error(failed)["type"], error(failed)["code"]) == ("server_error", "failed")
    assert report.startswith("a request failed with ZeroDivisionError at test_small_server.py:")


def test_a_server_that_goes_down_tells_who_waits(make_models: MakeModels) -> None:
    models = make_models(rows=1, end=NEVER)

    async def use(http: httpx2.AsyncClient) -> tuple[list[httpx2.Response], httpx2.Response, httpx2.Response]:
        wishes = [wish(max_tokens=400), wish(max_tokens=400, stream=True), wish(max_tokens=400)]
        tasks = [asyncio.ensure_future(http.post(CHAT, json=one)) for one in wishes]
        while sum(rolling_of(models).load) < 3:
            await asyncio.sleep(0.005)
        well = await http.get("/health")
        rolling_of(models).close()
        return await asyncio.gather(*tasks), well, await http.get("/health")

    ((whole, stream, queued), well, broken), _ = using(models, use)

    assert [whole.status_code, stream.status_code, queued.status_code] == [503, 200, 503]
    assert error(whole)["code"] == error(queued)["code"] == "going_down"
    assert '"code": "going_down"' in stream.text.strip().splitlines()[-1]
    assert (well.status_code, well.json()) == (200, {"status": "ok"})
    assert (broken.status_code, broken.json()) == (503, {"status": "broken"})


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        ("/v1/models", {}, 401, "invalid_api_key"),
        ("/metrics", {}, 401, "invalid_api_key"),
        ("/nowhere", {}, 401, "invalid_api_key"),
        ("/v1/models", {"Authorization": f"Bearer {KEY}{WORD}"}, 401, "invalid_api_key"),
        ("/v1/models", {"Authorization": f"Basic {KEY}"}, 401, "invalid_api_key"),
        ("/v1/models", {"Authorization": KEY}, 401, "invalid_api_key"),
        ("/v1/models", {"Authorization": "Bearer "}, 401, "invalid_api_key"),
        ("/v1/models", HELD, 200, None),
        ("/v1/models", {"authorization": f"bearer   {KEY} "}, 200, None),
        ("/metrics", HELD, 200, None),
        ("/health", {}, 200, None),
        ("/v1/models", HELD | {"Host": "localhost:8765"}, 200, None),
        ("/v1/models", HELD | {"Host": "[::1]"}, 200, None),
        ("/v1/models", HELD | {"Host": f"{WORD}.example"}, 403, "wrong_host"),
        ("/v1/models", HELD | {"Host": "localhost.example:80"}, 403, "wrong_host"),
        ("/v1/models", HELD | {"Host": ""}, 403, "wrong_host"),
        ("/health", {"Host": f"{WORD}.example"}, 403, "wrong_host"),
        ("/nowhere", HELD, 404, None),
        ("/docs", HELD, 404, None),
        ("/openapi.json", HELD, 404, None),
        (CHAT, HELD, 405, None),
        ("/v1/models/mimy", HELD, 404, "model_not_found"),
        ("/v1/models/a/../../b", HELD, 404, None),
        ("/v1/models/mimi:no-prefix", HELD, 200, None),
    ],
)
def test_who_comes_in_and_where(
    path: str, headers: dict[str, str], status: int, code: str | None, make_models: MakeModels
) -> None:
    hosts = {"localhost", "[::1]"}
    answer, _ = using(make_models(), lambda http: http.get(path, headers=headers), key=KEY, hosts=hosts)

    assert answer.status_code == status
    if status != 200:
        assert error(answer)["code"] == code
        assert error(answer)["type"] == ("authentication_error" if status == 401 else "invalid_request_error")
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert answer.headers.get("allow") == ("POST" if status == 405 else None)


def test_without_a_key_and_without_names_everybody_is_answered(make_models: MakeModels) -> None:
    answer, _ = using(make_models(), lambda http: http.get("/v1/models", headers={"Host": "somewhere.example"}))
    assert [model["id"] for model in answer.json()["data"]] == ["mimi", "mimi:no-prefix", "tiny"]


def test_what_is_counted_is_what_was_said(make_models: MakeModels) -> None:
    models = make_models()

    async def use(http: httpx2.AsyncClient) -> tuple[list[dict[str, int]], dict[Any, float], str]:
        answers = [await http.post(CHAT, json=wish(**extra)) for extra in ({}, {"n": 3}, {"model": "tiny"})]
        await http.post(CHAT, json=wish(model=WORD))
        await http.post(CHAT, json=wish(n=99))
        return [a.json()["usage"] for a in answers], await counted(http), (await http.get("/metrics")).text

    (usages, counts, text), _ = using(models, use)

    assert counts["roleplay_prompt_tokens_total", ""] == sum(usage["prompt_tokens"] for usage in usages)
    assert counts["roleplay_new_tokens_total", ""] == sum(usage["completion_tokens"] for usage in usages)
    assert [counts["roleplay_requests_total", status] for status in ("200", "404", "400")] == [3, 1, 1]
    assert counts["roleplay_reply_seconds_count", ""] == counts["roleplay_first_text_seconds_count", ""] == 3
    assert counts["roleplay_replies_running", ""] == counts["roleplay_replies_waiting", ""] == 0
    assert WORD not in text
