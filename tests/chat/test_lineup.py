"""What a server lists, and who of them answers for a character."""

import asyncio
import re

import pytest

from roleplay.chat.lineup import Lineup, Listed, line_up, list_models
from roleplay.errors import ServerError
from tests.chat.sse import Script, streaming

ALONE = [Listed(id="mira", owned_by="roleplay"), Listed(id="pocket", owned_by="roleplay")]
"""As `roleplay serve mira` lists where mira has no adapter."""
OURS = [
    Listed(id="mira", parent="pocket"),
    Listed(id="mira:no-prefix", parent="pocket", owned_by="roleplay"),
    Listed(id="pocket"),
]
"""As `roleplay serve mira` lists."""
VLLM = [Listed(id="Qwen/Qwen3", max_model_len=4096), Listed(id="mira", parent="Qwen/Qwen3")]


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (OURS, Lineup("mira:no-prefix", "pocket", None)),
        (VLLM, Lineup("mira", "Qwen/Qwen3", 4096)),
        ([*VLLM, Listed(id="yuki", parent="Qwen/Qwen3")], Lineup("mira", "Qwen/Qwen3", 4096)),
        ([Listed(id="mira", max_model_len=512), Listed(id="base", max_model_len=99)], Lineup("mira", "base", 512)),
        ([Listed(id="mira", parent="elsewhere"), Listed(id="base")], Lineup("mira", "base", None)),
        ([Listed(id="mira"), Listed(id="yuki", parent="x"), Listed(id="base")], Lineup("mira", "base", None)),
        ([Listed(id="mira"), Listed(id="one"), Listed(id="two")], Lineup("mira", None, None)),
        ([Listed(id="mira")], Lineup("mira", None, None)),
        (ALONE, Lineup(None, "pocket", None)),
    ],
)
def test_the_adapter_answers_without_added_prefixes_and_its_parent_is_the_base(
    listed: list[Listed], expected: Lineup
) -> None:
    assert line_up("mira", listed, "http://host/v1") == expected


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["mirra", "pocket"], "http://host/v1 has no model 'mira'; it lists mirra, pocket; did you mean 'mirra'?"),
        ([], "it lists none; start it with the character: roleplay serve mira"),
        ([str(i) for i in range(25)], "18, 19 and 5 more; start it"),
    ],
)
def test_a_server_without_the_character_tells_what_it_has(names: list[str], told: str) -> None:
    with pytest.raises(ServerError, match=re.escape(told)):
        line_up("mira", [Listed(id=name) for name in names], "http://host/v1")


def test_without_an_adapter_and_with_several_bases_nobody_can_tell_who_answers() -> None:
    with pytest.raises(ServerError, match=r"no adapter for 'mira', and several bases \(it lists mira, pocket, big\)"):
        line_up("mira", [*ALONE, Listed(id="big")], "http://host/v1")


def test_names_that_cannot_be_shown_are_nobodys() -> None:
    with streaming() as server:
        server.models = [{"id": name, "root": "/x"} for name in ("good", "a\x1b]52;", "a\nb", "x" * 201, "")]
        listed = asyncio.run(list_models(f"{server.url}/v1"))

    assert listed == [Listed(id="good")]


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (Script(status=401, error="who?"), "status 401: who\\?; put a key that is valid there into OPENAI_API_KEY"),
        (
            Script(status=404, error="gone"),
            "status 404: gone; check that the URL is right, as a rule with /v1 at its end",
        ),
        (Script(status=500, error="\x1b[31mboom"), "status 500: \\[31mboom; look at the server's log"),
        (Script(raw=("<html>",)), "does not list its models as the OpenAI API does; check that the URL"),
        (Script(raw=('{"models": []}',)), "does not list its models as the OpenAI API does"),
        (Script(raw=('{"data": [{"id": "a", "max_model_len": -4}]}',)), "does not list its models as the OpenAI API"),
    ],
)
def test_what_a_server_does_wrong_when_asked_for_its_models_is_one_message(script: Script, told: str) -> None:
    with streaming() as server:
        server.listing = script
        with pytest.raises(ServerError, match=told) as error:
            asyncio.run(list_models(f"{server.url}/v1"))

    assert "\x1b" not in str(error.value)
    assert "127.0.0.1" in str(error.value)
