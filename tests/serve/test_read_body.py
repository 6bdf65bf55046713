"""A body is read while it is no longer than it may be and comes in time."""

import asyncio

import pytest
from starlette.requests import Request
from starlette.types import Message

from roleplay.serve.body import MOST_BYTES, read_body
from roleplay.serve.refusal import Refusal

KIND = (b"content-type", b"application/json; charset=utf-8")


def read(
    chunks: list[bytes],
    *headers: tuple[bytes, bytes],
    ends: bool = True,
    leaves: bool = False,
    taken: list[bytes] | None = None,
) -> bytes:
    """What is read of `chunks`, each noted in `taken`; where they do not end, nothing comes after them."""
    coming, taken = list(chunks), [] if taken is None else taken

    async def receive() -> Message:
        if coming:
            taken.append(coming.pop(0))
            return {"type": "http.request", "body": taken[-1], "more_body": not ends or bool(coming)}
        if leaves:
            return {"type": "http.disconnect"}
        await asyncio.sleep(60)
        raise AssertionError("nobody waits as long")

    scope = {"type": "http", "method": "POST", "path": "/", "headers": list(headers)}
    return asyncio.run(read_body(Request(scope, receive), patience=0.05))


def test_a_body_is_its_chunks_together() -> None:
    assert read([b'{"a"', b"", b": 1}"], KIND) == b'{"a": 1}'


def test_the_longest_body_is_read_and_one_byte_more_is_not() -> None:
    half = b"x" * (MOST_BYTES // 2)
    assert len(read([half, half], KIND)) == MOST_BYTES
    with pytest.raises(Refusal, match=f"longer than {MOST_BYTES} bytes") as refused:
        read([half, half, b"x"], KIND)
    assert (refused.value.status, refused.value.code) == (413, "request_too_large")


def test_a_longer_body_is_read_to_its_end_so_that_its_sender_hears_why() -> None:
    taken: list[bytes] = []
    with pytest.raises(Refusal):
        read([b"x" * 2**20] * 10, KIND, (b"content-length", b"10485760"), taken=taken)
    assert len(taken) == 10


@pytest.mark.parametrize("length", [b"999999999", b"9" * 4000])
def test_a_body_that_says_it_has_no_end_is_not_waited_for(length: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        read([], KIND, (b"content-length", length))
    assert refused.value.status == 413


def test_a_body_that_has_no_end_is_not_read_on() -> None:
    taken: list[bytes] = []
    with pytest.raises(Refusal) as refused:
        read([b"x" * 2**24] * 9, KIND, ends=False, taken=taken)
    assert (refused.value.status, len(taken)) == (413, 5)


@pytest.mark.parametrize("chunks", [[], [b'{"model":']], ids=["nothing", "half"])
def test_a_body_that_does_not_come_is_not_waited_for_long(chunks: list[bytes]) -> None:
    with pytest.raises(Refusal, match=r"did not come within 0\.05 s") as refused:
        read(chunks, KIND, (b"content-length", b"100"), ends=False)
    assert (refused.value.status, refused.value.code) == (408, "timeout")


def test_a_client_that_leaves_in_its_body_is_no_fault() -> None:
    with pytest.raises(Refusal, match="left before") as refused:
        read([b'{"model":'], KIND, ends=False, leaves=True)
    assert refused.value.status == 499


@pytest.mark.parametrize("kind", [b"", b"text/plain", b"application/x-www-form-urlencoded", b"application/jsonp"])
def test_another_kind_of_body_is_refused_before_it_is_read(kind: bytes) -> None:
    with pytest.raises(Refusal, match="Content-Type: application/json") as refused:
        read([], (b"content-type", kind))
    assert refused.value.status == 415
