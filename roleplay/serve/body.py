"""The body of a request, while it is no longer than it may be and comes in time."""

import asyncio

from starlette.requests import ClientDisconnect, Request

from roleplay.serve.refusal import GONE, Refusal

MOST_BYTES = 2 * 2**20
"""Longest body; a context of 128,000 tokens is a quarter of it."""
_DISCARDED = 64 * 2**20
"""What is read past that and dropped: a client that is still sending does not hear why it is refused."""
_PATIENCE = 30.0
"""Seconds for the whole body."""


async def read_body(request: Request, patience: float = _PATIENCE) -> bytes:
    """Raises Refusal."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":  # pages of other sites may send any other kind without asking first
        raise Refusal(415, "send 'Content-Type: application/json'", None, "wrong_content_type")
    try:
        async with asyncio.timeout(patience):
            return await _read(request)
    except ClientDisconnect as error:
        raise Refusal(GONE, "the client left before its request was whole", None, None) from error
    except TimeoutError as error:
        raise Refusal(408, f"the body did not come within {patience:g} s", None, "timeout") from error


async def _read(request: Request) -> bytes:
    declared = request.headers.get("content-length", "")
    seen, body = 0, bytearray()
    if not (declared.isdecimal() and len(declared) > len(str(_DISCARDED))):
        async for chunk in request.stream():
            seen += len(chunk)
            if seen > _DISCARDED:
                break
            if seen > MOST_BYTES:
                body.clear()
            else:
                body += chunk
        if seen <= MOST_BYTES:
            return bytes(body)
    raise Refusal(
        413, f"the body is longer than {MOST_BYTES} bytes; send the newest messages alone", None, "request_too_large"
    )
