"""`roleplay chat --backend --say`: a server answers in every lane, and nothing is loaded here."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from roleplay.chat.store import ChatStore
from roleplay.paths import Home
from tests.chat.sse import Script, Server, streaming
from tests.cli.conftest import Outcome, refused, roleplay

ROOT = Path(__file__).parents[2]
CARD = """\
schema: 1
name: mira
display_name: Mira
language: en
generation: {top_k: 5}
prefixes:
  - {id: who, text: "You are {{char}}."}
  - {id: late, text: "It is late.", default: false}
"""
HEAVY = ("torch", "transformers", "peft", "numpy", "datasets")
COLD = f"""
import atexit, sys
atexit.register(lambda: print("heavy:", *sorted(set({HEAVY}) & set(sys.modules)), file=sys.stderr))
from roleplay.cli import main
main()
"""


@pytest.fixture(autouse=True)
def mira(project: Path) -> None:
    (project / "characters").mkdir()
    (project / "characters" / "mira.yaml").write_text(CARD)


@pytest.fixture
def server() -> Iterator[Server]:
    """As vLLM lists a base and an adapter."""
    with streaming() as server:
        server.models = [{"id": "big", "max_model_len": 512}, {"id": "mira", "parent": "big"}]
        yield server


def say(server: Server, *arguments: object) -> Outcome:
    return roleplay("chat", "mira", "--backend", server.url, "--seed", 3, "--say", "Hi.", *arguments)


def test_the_persona_answers_and_the_conversation_is_kept(server: Server, home: Home) -> None:
    told = say(server, "--prefix", "late=on", "--temperature", 0)

    assert (told.status, told.out) == (0, "Hello, Captain.\n")
    (body,) = server.bodies
    assert body["model"] == "mira"
    assert [turn["content"] for turn in body["messages"]] == ["You are Mira.\n\nIt is late.", "Hi."]
    assert (body["temperature"], body["top_k"], body["seed"]) == (0, 5, 3)
    store = ChatStore(home.chats)
    assert [(turn.text, turn.lane) for turn in store.turns(1)] == [
        ("Hi.", None),
        ("Hello, Captain.", "persona+prefix"),
    ]
    store.close()


def test_lanes_are_recorded_with_the_server_as_their_adapter_and_another_model_beside(server: Server) -> None:
    told = say(server, "--no-save", "--json", "--lanes", "persona,base+prefix", "--beside", f"small@{server.url}")

    persona, base, beside = told.rows
    assert (persona["lane"], persona["adapter"]) == ("persona", f"mira at {server.url}/v1")
    assert (persona["prompt"], persona["prefix"], persona["text"]) == (None, [], "Hello, Captain.")
    assert (base["lane"], base["adapter"], base["prefix"]) == ("base+prefix", None, ["who"])
    assert beside["lane"] == "@small"
    assert sorted(body["model"] for body in server.bodies) == ["big", "mira", "small"]


def test_where_the_server_has_no_adapter_its_base_answers_and_a_notice_tells_so(server: Server) -> None:
    server.models = [{"id": "mira", "owned_by": "roleplay"}, {"id": "pocket", "owned_by": "roleplay"}]
    told = say(server, "--json")
    (row,) = told.rows

    assert (row["lane"], row["adapter"], row["text"]) == ("base+prefix", None, "Hello, Captain.")
    assert "has no adapter. The base answers with the prefix alone" in told.err
    assert [body["model"] for body in server.bodies] == ["pocket"]
    assert "choose --lanes base+prefix,base" in refused(say(server, "--lanes", "persona"), 1)


def test_no_model_library_is_loaded(server: Server, project: Path) -> None:
    command = [sys.executable, "-c", COLD, "chat", "mira", "--backend", server.url, "--say", "Hi."]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=os.environ | {"PYTHONPATH": str(ROOT)})

    assert (done.returncode, done.stdout) == (0, "Hello, Captain.\n"), done.stderr
    assert done.stderr == "heavy:\n"


@pytest.mark.parametrize(
    ("listing", "script", "told"),
    [
        (Script(status=401, error="who?"), Script(), "status 401: who?; put a key that is valid there into OPENAI_API"),
        (Script(raw=('{"data": [{"id": "yuki"}]}',)), Script(), "has no model 'mira'; it lists yuki"),
        (Script(), Script(status=401, error="who?"), "mira at http"),
        (Script(), Script(hang_up=True, finish=None), "hung up"),
    ],
)
def test_a_server_that_does_not_answer_is_an_error(server: Server, listing: Script, script: Script, told: str) -> None:
    server.listing, server.scripts[:] = listing, [script]
    outcome = say(server)

    assert outcome.status == 1
    assert told in outcome.err
    assert "Traceback" not in outcome.err


def test_a_server_that_is_not_there_is_an_error() -> None:
    with streaming() as gone:
        pass
    assert "cannot be reached" in refused(say(gone), 1)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["--base", "pocket", "--quant", "nf4"], "--backend goes without --base, --quant: the server has chosen"),
        (["--run", "first", "--adapter", "best"], "--backend goes without --run, --adapter:"),
        (["--device", "auto", "--dtype", "float32"], "--backend goes without --device, --dtype:"),
        (["--compile", "--trust-remote-code"], "--backend goes without --compile, --trust-remote-code:"),
    ],
)
def test_what_would_be_loaded_here_is_wrong_usage(server: Server, typed: list[str], told: str) -> None:
    assert told in refused(say(server, *typed), 2)
    assert server.listed == 0


@pytest.mark.parametrize("url", ["localhost:8000", "http://", "http://a:b", "ftp://a", "http://[", "http://a b"])
def test_what_is_no_url_is_wrong_usage(url: str) -> None:
    told = refused(roleplay("chat", "mira", "--backend", url, "--say", "Hi."), 2)
    assert f"'{url}' is no server; write a URL such as http://localhost:8000/v1" in told
