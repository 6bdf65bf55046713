"""What sixteen streams at once get from the server beside one, and how long who comes meanwhile waits."""

import asyncio
import contextlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roleplay.paths import Home
from tests.serve.served import CHAT, KEY, Served, serving

STREAMS = 16
_ROUNDS = 3
_ALONE = 6
"""Replies one after the other in a round."""
_TOKENS = 64
_PROBES = 20
_PAUSE = 0.15
"""Seconds between two requests of who comes meanwhile."""
_MIXES = {"yui": ["yui"], "four lanes": ["yui", "yui:no-prefix", "dot", "pocket"]}
_TEXTS = (
    "Tell me about the rain, please.",
    "今天图书馆里有什么新书吗？",
    "Is the tram late again?",
    "早饭吃什么好呢？",
)
_ON_AND_ON = {"repetition_penalty": 1e-3}
"""What a reply said once it says again: none ends before its limit. It costs what the card's own penalty costs."""


@dataclass(frozen=True)
class _Heard:
    """One reply as it came over the line."""

    first: float
    """Seconds from request to first text."""
    tokens: int
    """Of the reply, as the server counted them."""


def sixteen_streams_against_one(rounds: int = _ROUNDS, probes: int = _PROBES) -> None:
    """Print medians and ratios; one stream and sixteen take turns, and no prompt comes twice."""
    threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS") or str(os.cpu_count())}
    with (
        tempfile.TemporaryDirectory() as folder,
        serving("yui", "dot", home=Home(Path(folder)), env=threads) as server,
    ):
        print(f"{'tokens a second':<28}{'one':>8}{STREAMS!s:>8}{'ratio':>8}")
        for name, models in _MIXES.items():
            asyncio.run(_throughput(server, name, models, rounds))
        print(f"{'first text, ms':<28}{'idle':>8}{'busy':>8}{'ratio':>8}")
        for name, models in _MIXES.items():
            asyncio.run(_first_text(server, name, models, probes))


async def _throughput(server: Served, name: str, models: Sequence[str], rounds: int) -> None:
    one, many = [], []
    await _heard(server, models[0], "warm-up")
    for round_ in range(rounds):
        begun, tokens = time.perf_counter(), 0
        for at in range(_ALONE):
            tokens += (await _heard(server, models[at % len(models)], f"{name} {round_} {at}", **_ON_AND_ON)).tokens
        one.append(tokens / (time.perf_counter() - begun))
        begun = time.perf_counter()
        asked = [
            _heard(server, models[at % len(models)], f"{name} {round_} {_ALONE + at}", **_ON_AND_ON)
            for at in range(STREAMS)
        ]
        many.append(sum(heard.tokens for heard in await asyncio.gather(*asked)) / (time.perf_counter() - begun))
    ratio = statistics.median(a / b for a, b in zip(many, one, strict=True))
    print(
        f"{name:<28}{statistics.median(one):>8.0f}{statistics.median(many):>8.0f}{ratio:>8.2f} (goal: at least 4)",
        flush=True,
    )


async def _first_text(server: Served, name: str, models: Sequence[str], probes: int) -> None:
    idle = [await _probe(server, models, f"{name} idle {at}") for at in range(probes)]
    async with _busy(server, models):
        busy = [await _probe(server, models, f"{name} busy {at}") for at in range(probes)]
    one, many = (statistics.median(found) * 1000 for found in (idle, busy))
    print(f"{name:<28}{one:>8.0f}{many:>8.0f}{many / one:>8.2f} (goal: at most 5)", flush=True)


async def _probe(server: Served, models: Sequence[str], text: str) -> float:
    await asyncio.sleep(_PAUSE)
    return (await _heard(server, models[len(text) % len(models)], text, max_tokens=8)).first


@contextlib.asynccontextmanager
async def _busy(server: Served, models: Sequence[str]) -> AsyncIterator[None]:
    """Sixteen streams under way; one that ends is followed by another."""

    async def go_on(at: int) -> None:
        for turn in range(1000):
            await _heard(server, models[at % len(models)], f"stream {at} {turn}", max_tokens=700, **_ON_AND_ON)

    tasks = [asyncio.ensure_future(go_on(at)) for at in range(STREAMS)]
    try:
        while await asyncio.to_thread(server.count, "roleplay_replies_running") < STREAMS:
            await asyncio.sleep(_PAUSE)
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _heard(server: Served, model: str, text: str, **settings: Any) -> _Heard:
    """Ask on a line of its own, and read no more of the answer than must be read."""
    said = f"({text}) {_TEXTS[len(text) % len(_TEXTS)]}"
    wish = {"model": model, "messages": [{"role": "user", "content": said}], "max_tokens": _TOKENS, "stream": True}
    wish |= {"temperature": 0.9, "seed": len(text), "stream_options": {"include_usage": True}, **settings}
    body = json.dumps(wish).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\nConnection: close\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    begun, first, last = time.perf_counter(), 0.0, b""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(head.encode() + body)
        async for line in reader:
            if line.startswith(b"data: {"):
                last = line
                if not first and b'"delta": {"content"' in line:
                    first = time.perf_counter() - begun
    finally:
        writer.close()
    usage = json.loads(last.removeprefix(b"data: ")).get("usage")
    if not usage:
        raise RuntimeError(f"no whole reply came: {last.decode()}")
    return _Heard(first or time.perf_counter() - begun, usage["completion_tokens"])


if __name__ == "__main__":
    sixteen_streams_against_one()
