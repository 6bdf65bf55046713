"""`roleplay chat --beside`: a model of another program answers beside the character."""

from pathlib import Path

import pytest

from roleplay.chat.store import ChatStore
from roleplay.paths import Home
from tests.chat.sse import Script, streaming
from tests.cli.conftest import refused, roleplay

SAY = ("chat", "pell", "--say", "Hi.", "--max-new-tokens", 4, "--seed", 3)


def test_its_reply_stands_beside_and_is_kept_so(pell: Path, home: Home) -> None:
    with streaming() as server:
        told = roleplay(*SAY, "--beside", f"small@{server.url}", "--json")

    local, remote = told.rows
    assert told.status == 0
    assert (local["lane"], remote["lane"]) == ("base+prefix", "@small")
    assert (remote["text"], remote["prompt"], remote["adapter"]) == ("Hello, Captain.", None, None)
    assert server.bodies[0]["messages"][-1]["content"] == "Hi."
    turns = ChatStore(home.chats).turns(1)
    assert [(turn.lane, turn.beside) for turn in turns[1:]] == [("base+prefix", False), ("@small", True)]


def test_one_that_fails_is_told_and_the_character_answers(pell: Path) -> None:
    with streaming(Script(status=500)) as server:
        told = roleplay(*SAY, "--no-save", "--beside", f"small@{server.url}", "--json")

    assert told.status == 0
    assert [row["lane"] for row in told.rows] == ["base+prefix"]
    assert "@small: small at http://127.0.0.1" in told.err


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["small"], "'small' is no model of a server; write MODEL@URL"),
        (["@http://a"], "is no model of a server"),
        (["a@http://x", "a@http://y"], "the model 'a' is named twice"),
    ],
)
def test_what_is_no_model_is_refused(pell: Path, typed: list[str], told: str) -> None:
    options = [text for one in typed for text in ("--beside", one)]
    assert told in refused(roleplay(*SAY, *options), 2)
