"""What is taken as a request, and what a client is told of one that is not; never its own words."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.serve.refusal import Refusal
from roleplay.serve.wire import ChatRequest, read_request

WORD = "QUOKKA"
"""Stands in every bad request, and must not come back."""
SAID = [{"role": "user", "content": WORD}]
FACE = {"type": "image_url", "image_url": {"url": WORD}}


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "yui", "messages": SAID, **fields}).encode()


def raw(text: str) -> bytes:
    """A request with `text` as it is among its fields."""
    return body()[:-1] + b", " + text.encode() + b"}"


def message(role: Any = "user", content: Any = WORD) -> bytes:
    return body(messages=[{"role": role, "content": content}])


BAD: dict[str, tuple[bytes, str | None, str | None]] = {
    "nothing": (b"", None, None),
    "half a body": (body()[:-9], None, None),
    "bytes that are no UTF-8": (body().replace(b"QUOKKA", b"QUOKKA\xff"), None, None),
    "half a surrogate pair": (message(content=WORD + "\ud800"), None, None),
    "another encoding": (body().decode().encode("utf-16"), None, None),
    "a hundred thousand brackets": (b"[" * 100_000, None, None),
    "deep objects": (b'{"a":' * 100_000, None, None),
    "a deep field": (raw('"QUOKKA": ' + "[" * 100_000 + "]" * 100_000), None, None),
    "five thousand digits": (raw('"max_tokens": ' + "9" * 5_000), None, None),
    "a list": (json.dumps([WORD]).encode(), None, "invalid_value"),
    "a string": (json.dumps(WORD).encode(), None, "invalid_value"),
    "a number": (b"5", None, "invalid_value"),
    "null": (b"null", None, "invalid_value"),
    "no model": (json.dumps({"messages": SAID}).encode(), "model", "missing_required_parameter"),
    "a model that is no name": (body(model={WORD: 1}), "model", "invalid_value"),
    "a model without end": (body(model=WORD * 100), "model", "invalid_value"),
    "no messages": (b'{"model": "QUOKKA"}', "messages", "missing_required_parameter"),
    "empty messages": (body(messages=[]), "messages", "invalid_value"),
    "messages that are a text": (body(messages=WORD), "messages", "invalid_value"),
    "a message that is a text": (body(messages=[WORD]), "messages.0", "invalid_value"),
    "thousands of messages": (body(messages=SAID * 4097), "messages", "invalid_value"),
    "a message of nobody": (body(messages=[{WORD: WORD}]), "messages.0.role", "missing_required_parameter"),
    "a tool that speaks": (message("tool"), "messages.0.role", "invalid_value"),
    "a function that speaks": (message("function"), "messages.0.role", "invalid_value"),
    "a role of another play": (message(WORD), "messages.0.role", "invalid_value"),
    "no content": (message(content=None), "messages.0.content", "invalid_value"),
    "a content that is a number": (message(content=5), "messages.0.content", "invalid_value"),
    "a picture": (message(content=[FACE]), "messages.0.content", "invalid_value"),
    "a picture after text": (
        message(content=[{"type": "text", "text": "a"}, FACE]),
        "messages.0.content",
        "invalid_value",
    ),
    "a cold joke": (body(temperature=-1), "temperature", "invalid_value"),
    "a hot one": (body(temperature=1e308), "temperature", "invalid_value"),
    "a temperature in words": (body(temperature=WORD), "temperature", "invalid_value"),
    "no number": (raw('"temperature": NaN'), "temperature", "invalid_value"),
    "infinity": (raw('"temperature": Infinity'), "temperature", "invalid_value"),
    "more than a float holds": (raw('"temperature": 1e999'), "temperature", "invalid_value"),
    "no share": (raw('"top_p": NaN'), "top_p", "invalid_value"),
    "a share of nothing": (body(top_p=0), "top_p", "invalid_value"),
    "no likeness": (raw('"min_p": NaN'), "min_p", "invalid_value"),
    "no penalty": (raw('"repetition_penalty": NaN'), "repetition_penalty", "invalid_value"),
    "a penalty without end": (raw('"frequency_penalty": -Infinity'), "frequency_penalty", "invalid_value"),
    "a heavy penalty": (body(presence_penalty=2.1), "presence_penalty", "invalid_value"),
    "fewer than all": (body(top_k=-2), "top_k", "invalid_value"),
    "fewer tokens than none": (body(max_tokens=-5), "max_tokens", "invalid_value"),
    "no tokens": (body(max_completion_tokens=0), "max_completion_tokens", "invalid_value"),
    "half a token": (body(max_tokens=1.5), "max_tokens", "invalid_value"),
    "tokens without end": (raw('"max_tokens": Infinity'), "max_tokens", "invalid_value"),
    "tokens of a library": (body(max_tokens=10**30), "max_tokens", "invalid_value"),
    "a seed of two words": (body(seed=2**64), "seed", "invalid_value"),
    "many choices": (body(n=9), "n", "invalid_value"),
    "an empty stop": (body(stop=""), "stop", "invalid_value"),
    "many stops": (body(stop=[WORD] * 17), "stop", "invalid_value"),
    "a long stop": (body(stop=WORD * 50), "stop", "invalid_value"),
    "a stop that is a number": (body(stop=[1]), "stop", "invalid_value"),
    "a stream in words": (body(stream=WORD), "stream", "invalid_value"),
    "a use in words": (body(stream_options={"include_usage": WORD}), "stream_options.include_usage", "invalid_value"),
    "tools": (body(tools=[{"type": WORD}]), "tools", "unsupported_parameter"),
    "functions": (body(functions=[WORD]), "functions", "unsupported_parameter"),
    "probabilities": (body(logprobs=True), "logprobs", "unsupported_parameter"),
    "the likeliest tokens": (body(top_logprobs=3), "top_logprobs", "unsupported_parameter"),
    "a bias": (body(logit_bias={WORD: 1}), "logit_bias", "unsupported_parameter"),
    "JSON": (body(response_format={"type": "json_object"}), "response_format", "unsupported_parameter"),
}
"""Body, the field that is named, the code."""


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_is_refused_by_its_field_and_without_its_words(name: str) -> None:
    sent, param, code = BAD[name]

    with pytest.raises(Refusal) as refused:
        read_request(sent)

    error = refused.value.body["error"]
    assert refused.value.status == 400
    assert (error["param"], error["code"], error["type"]) == (param, code, "invalid_request_error")
    assert error["message"]
    assert WORD not in json.dumps(error)
    assert refused.value.__cause__ is None, "the cause quotes what was sent"


def test_both_forms_of_a_stop_are_told() -> None:
    with pytest.raises(Refusal, match="stop: give a string of 1 to 256 characters, or a list of up to 16"):
        read_request(BAD["many stops"][0])


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"stops": (), "new_tokens": None, "seed": None, "n": None, "stream": None}),
        ({"stop": "a"}, {"stops": ("a",)}),
        ({"stop": ["a", "b"]}, {"stops": ("a", "b")}),
        ({"stop": None, "temperature": None, "n": None, "max_tokens": None}, {"stops": (), "temperature": None}),
        ({"max_tokens": 3}, {"new_tokens": 3}),
        ({"max_tokens": 3, "max_completion_tokens": 4}, {"new_tokens": 4}),
        ({"temperature": 0, "seed": -1}, {"temperature": 0, "seed": -1}),
        ({"tools": [], "logprobs": False, "logit_bias": {}, "response_format": {"type": "text"}}, {"stops": ()}),
        ({"user": "me", "metadata": {"a": [1]}, "store": True}, {"stops": ()}),
    ],
)
def test_a_request_is_read(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    request = read_request(body(**fields))
    assert {name: getattr(request, name) for name in expected} == expected
    assert (request.model, request.messages[0].text) == ("yui", WORD)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted({*ChatRequest.model_fields, "tools"})), json_values))
def test_any_values_in_any_fields_are_read_or_refused(fields: dict[str, Any]) -> None:
    with contextlib.suppress(Refusal):
        read_request(body(**fields))


@given(st.binary(max_size=40))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(Refusal):
        read_request(data)
