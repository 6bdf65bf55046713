"""Many clients at once, and clients that leave."""

import asyncio
import json
import socket
import statistics
from typing import Any

import openai
import psutil
import pytest

from tests.serve.served import CHAT, KEY, PATIENCE, Served

MODELS = ["yui", "yui:no-prefix", "dot", "pocket"]
TOPICS = ["the rain", "your name", "a book", "the tram", "soup", "早饭", "图书馆", "the moon", "逗号", "a lantern"]
GROWTH = 30 * 2**20
"""Bytes that three later rounds may lie above three earlier ones."""
ENDLESS = {"temperature": 0, "repetition_penalty": 1e-3, "max_tokens": 900}
"""Settings under which a reply goes on until the context is full: what was said once is all that is said."""

Wish = dict[str, Any]


def wishes(count: int, round_: int = 0) -> list[Wish]:
    """Requests over all models, every other one sampled with its own seed; no two alike."""
    made = []
    for number in range(count):
        said = f"{number}. Tell me about {TOPICS[number % len(TOPICS)]}, please. {'And more. ' * (number % 5)}{round_}"
        drawn = {"temperature": 0.9, "seed": number} if number % 2 else {"temperature": 0}
        asked = {"model": MODELS[number % len(MODELS)], "messages": [{"role": "user", "content": said}]}
        made.append({**asked, **drawn, "max_tokens": 24})
    return made


async def stream(client: openai.AsyncOpenAI, wish: Wish) -> tuple[str, str]:
    """The model that answered, and the whole reply; fails where the stream ends without a reason."""
    said, reason, model = "", None, ""
    async for chunk in await client.chat.completions.create(stream=True, **wish):
        model = chunk.model
        said += chunk.choices[0].delta.content or ""
        reason = chunk.choices[0].finish_reason or reason
    assert reason in ("stop", "length")
    return model, said


def ask(served: Served, asked: list[Wish], *, at_once: bool) -> list[tuple[str, str]]:
    """The replies, in the order of the requests."""

    async def run() -> list[tuple[str, str]]:
        async with openai.AsyncOpenAI(
            base_url=served.address, api_key=KEY, max_retries=0, timeout=4 * PATIENCE
        ) as client:
            if at_once:
                return list(await asyncio.gather(*(stream(client, wish) for wish in asked)))
            return [await stream(client, wish) for wish in asked]

    return asyncio.run(run())


def compare(served: Served, asked: list[Wish]) -> int:
    """How many of the replies to requests sent at once are those that each gets alone; the lanes are always right."""
    together = ask(served, asked, at_once=True)
    alone = ask(served, asked, at_once=False)
    assert [model for model, _ in together] == [wish["model"] for wish in asked]
    for wish, (model, said), (_, expected) in zip(asked, together, alone, strict=True):
        if said != expected:  # a tie in the last digit: up to there it is what its own lane says
            lanes = ask(served, [{**wish, "model": name} for name in MODELS], at_once=False)
            alike = {name: _alike(said, text) for name, text in lanes}
            assert 0 < alike[model] == max(alike.values()), (wish, said, lanes)
    return sum(one == other for one, other in zip(together, alone, strict=True))


def _alike(one: str, other: str) -> int:
    """Length of the common beginning."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def test_many_streams_at_once_are_each_what_they_are_alone(served: Served) -> None:
    assert compare(served, wishes(12)) >= 11
    assert served.count("roleplay_replies_running") == served.count("roleplay_replies_waiting") == 0


@pytest.mark.soak
def test_fifty_streams_at_once_are_each_what_they_are_alone(served: Served) -> None:
    equal = [compare(served, wishes(50, round_)) for round_ in range(3)]
    assert min(equal) >= 48, equal


@pytest.mark.soak
def test_memory_stays_where_it_is_once_all_that_is_kept_is_full(served: Served) -> None:
    process, sizes = psutil.Process(served.process.pid), []
    for round_ in range(8):
        ask(served, wishes(50, round_), at_once=True)
        sizes.append(process.memory_info().rss)
    _, _, *filled = sizes
    assert statistics.mean(filled[3:]) - statistics.mean(filled[:3]) < GROWTH, [size // 2**20 for size in sizes]


def send(served: Served, **fields: Any) -> socket.socket:
    """A request on a line of its own, which is to be closed in the middle of the answer."""
    wish = {"model": "yui", "messages": [{"role": "user", "content": "Hi."}], **ENDLESS, **fields}
    body = json.dumps(wish).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    line = socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE)
    line.sendall(head.encode() + body)
    return line


def running(served: Served) -> float:
    return served.count("roleplay_replies_running") + served.count("roleplay_replies_waiting")


@pytest.mark.parametrize(
    ("fields", "moment"),
    [
        ({"stream": True}, "in the middle"),
        ({"stream": True}, "at once"),
        ({}, "while it waits"),
        ({"n": 3}, "of three"),
    ],
    ids=str,
)
def test_nobody_computes_for_a_client_that_left(fields: Wish, moment: str, served: Served) -> None:
    left, said = served.count("roleplay_requests_left_total"), served.count("roleplay_new_tokens_total")
    line = send(served, **fields)
    if moment == "in the middle":
        heard = b""
        while heard.count(b"data: ") < 8:
            heard += line.recv(4096)
    elif moment != "at once":
        assert served.wait_until(lambda: running(served) == fields.get("n", 1), 5)

    line.close()

    assert served.wait_until(lambda: served.count("roleplay_requests_left_total") == left + 1, 5)
    assert served.wait_until(lambda: running(served) == 0, 1)
    assert served.count("roleplay_new_tokens_total") - said < 700, "the whole reply has more than 800 tokens"
    assert served.count("roleplay_requests_left_total", model="yui") == left + 1


def test_a_client_that_leaves_its_place_gives_it_to_who_waits(served: Served) -> None:
    """By default there are 32 places."""
    lines = [send(served, stream=True, n=8) for _ in range(4)]
    try:
        assert served.wait_until(lambda: served.count("roleplay_replies_running") == 32, 20)
        with send(served, model="dot", max_tokens=2) as waits:
            assert served.wait_until(lambda: served.count("roleplay_replies_waiting") == 1, 20)

            lines.pop().close()

            waits.settimeout(10)
            assert waits.recv(4096).startswith(b"HTTP/1.1 200 ")
            assert served.count("roleplay_replies_running") == 24
    finally:
        for line in lines:
            line.close()
    assert served.wait_until(lambda: running(served) == 0, 10)


def test_a_client_that_reads_nothing_holds_nobody_up(served: Served) -> None:
    with send(served, stream=True, max_tokens=60), served.http() as http:
        said = {"model": "dot", "messages": [{"role": "user", "content": "Hi."}], "max_tokens": 4}
        assert http.post(CHAT, json=said).status_code == 200
        assert served.wait_until(lambda: running(served) == 0, 20)
