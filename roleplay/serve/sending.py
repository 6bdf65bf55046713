"""A request's replies on their way to the client: whole, or as server-sent events while they are made.

https://platform.openai.com/docs/api-reference/chat-streaming; an error that comes when a stream has begun is sent as an
event, as clients of the API expect it.
"""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from roleplay.serve.answer import Answer, Said
from roleplay.serve.counters import Tally
from roleplay.serve.refusal import GONE, Refusal

LEFT_OUT = "x-roleplay-left-out"
"""Header: turns at the beginning that the context had no room for; not sent where there are none."""


class Streamed(StreamingResponse):
    """Replies as they come; ends with them, or when the client leaves."""

    def __init__(self, answer: Answer, tally: Tally, *, usage: bool) -> None:
        self.answer, self.tally = answer, tally
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no", **_left_out(answer)}
        super().__init__(_events(answer, tally, usage=usage), headers=headers, media_type="text/event-stream")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. What is left of the replies is stopped, whether or not a word of them was read."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.answer.leave()
            self.tally.close()


async def whole(request: Request, answer: Answer, tally: Tally) -> Response:
    """The replies when all have ended, or what the client is told instead."""
    reading, hanging_up = asyncio.ensure_future(_read(answer, tally)), asyncio.ensure_future(_hang_up(request))
    try:
        await asyncio.wait({reading, hanging_up}, return_when=asyncio.FIRST_COMPLETED)
        if not reading.done():
            return Response(status_code=GONE)
        choices = reading.result()
        return JSONResponse(_completion(answer, choices), headers=_left_out(answer))
    except Refusal as refusal:
        tally.status = refusal.status
        return refusal.response()
    finally:
        reading.cancel()
        hanging_up.cancel()
        answer.leave()
        tally.close()


async def _read(answer: Answer, tally: Tally) -> list[tuple[str, str]]:
    texts, reasons = [""] * len(answer.tokens), [""] * len(answer.tokens)
    async for said in answer.read():
        tally.note(said)
        texts[said.choice] += said.text
        reasons[said.choice] = said.reason or ""
    tally.whole = True
    return list(zip(texts, reasons, strict=True))


async def _hang_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _events(answer: Answer, tally: Tally, *, usage: bool) -> AsyncIterator[bytes]:
    frame = _frame(answer, "chat.completion.chunk")
    if usage:
        frame["usage"] = None
    for choice in range(len(answer.tokens)):
        yield _event(frame, [_choice(choice, {"role": "assistant", "content": ""}, None)])
    try:
        async for said in answer.read():
            tally.note(said)
            for told in _choices(said):
                yield _event(frame, [told])
        tally.whole = True
    except Refusal as refusal:
        tally.status = refusal.status
        yield _data(refusal.body)
        return
    if usage:
        yield _event(frame | {"usage": _usage(answer)}, [])
    yield b"data: [DONE]\n\n"


def _choices(said: Said) -> list[dict[str, Any]]:
    told = [_choice(said.choice, {"content": said.text}, None)] if said.text else []
    return told if said.reason is None else [*told, _choice(said.choice, {}, said.reason)]


def _choice(index: int, delta: dict[str, str], reason: str | None) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}


def _event(frame: dict[str, Any], choices: list[dict[str, Any]]) -> bytes:
    return _data({**frame, "choices": choices})


def _data(value: object) -> bytes:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


def _completion(answer: Answer, choices: list[tuple[str, str]]) -> dict[str, Any]:
    told = [
        {
            "index": index,
            "message": {"role": "assistant", "content": text, "refusal": None},
            "logprobs": None,
            "finish_reason": reason,
        }
        for index, (text, reason) in enumerate(choices)
    ]
    return _frame(answer, "chat.completion") | {"choices": told, "usage": _usage(answer)}


def _frame(answer: Answer, kind: str) -> dict[str, Any]:
    """What every object of one answer begins with."""
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": kind,
        "created": int(time.time()),
        "model": answer.model.id,
        "system_fingerprint": answer.model.fingerprint,
    }


def _usage(answer: Answer) -> dict[str, int]:
    """Tokens of the prompt, once, and of all replies."""
    said = sum(answer.tokens)
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": said,
        "total_tokens": answer.prompt_tokens + said,
    }


def _left_out(answer: Answer) -> dict[str, str]:
    return {LEFT_OUT: str(answer.left_out)} if answer.left_out else {}
