"""`roleplay serve` as a command: what it refuses to start with, the key, how it ends."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from roleplay.errors import StorageError, UsageError
from roleplay.paths import Home
from roleplay.serve.key import VARIABLE, find_key
from roleplay.serve.run import is_loopback, listen
from tests.cli.conftest import refused, roleplay
from tests.cli.test_processes import HEAVY, modules_of
from tests.serve.served import CHAT, PATIENCE, Served, serving

WITHOUT = """\
import sys
sys.modules[sys.argv[1]] = None
from roleplay.cli import main
sys.argv = ["roleplay", "serve", "yui", "--port", "0"]
main()
"""


def test_its_help_loads_nothing_heavy() -> None:
    assert not modules_of("serve", "--help") & (HEAVY | {"fastapi", "starlette", "uvicorn", "prometheus_client"})


def test_a_port_that_is_taken_is_told_before_anything_is_loaded() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = refused(roleplay("serve", "yui", "--port", port), 2)
    assert f"port {port} of 127.0.0.1 cannot be had: Address already in use" in told
    assert "0 takes a free one" in told


@pytest.mark.parametrize("host", ["", "300.0.0.1.", "a b", "x" * 300, "\udcff"])
def test_a_host_that_is_none_is_named(host: str) -> None:
    told = refused(roleplay("serve", "yui", "--host", host), 2)
    assert "is no address of this machine; 127.0.0.1 is this machine alone" in told


def test_an_address_of_another_machine_cannot_be_had_and_is_said_to_be_open() -> None:
    outcome = roleplay("serve", "yui", "--host", "203.0.113.1", "--no-key")
    assert "port 8765 of 203.0.113.1 cannot be had: " in refused(outcome, 2)
    assert "--host 203.0.113.1: other machines reach this server, and what is said passes unencrypted" in outcome.err
    assert "--no-key: whoever reaches this server is answered" in outcome.err


def test_an_unknown_character_is_told_the_nearest() -> None:
    assert "yui" in refused(roleplay("serve", "yuii"), 1)


@pytest.mark.parametrize("typed", [["--quant", "int3"], ["--device", "abacus"], ["--dtype", "float8"]], ids=str)
def test_what_bases_cannot_be_is_refused(typed: list[str]) -> None:
    assert typed[1] in refused(roleplay("serve", "yui", *typed), 2)


@pytest.mark.parametrize("typed", [["--port", "65536"], ["--port", "x"], ["--rows", "0"], ["--queue", "0"]], ids=str)
def test_numbers_out_of_range_are_wrong_usage(typed: list[str]) -> None:
    assert roleplay("serve", "yui", *typed).status == 2


@pytest.mark.parametrize("library", ["uvicorn", "fastapi", "starlette"])
def test_a_missing_library_is_told_with_what_installs_it(library: str) -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT, library], capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: serving needs {library}; install it with: pip install 'roleplay[server]'\n"


def test_a_key_is_made_once_for_its_owner_alone(home: Home) -> None:
    key, where = find_key(home)

    assert find_key(home) == (key, where)
    assert (home.server_key.stat().st_mode & 0o777, home.server_key.read_text()) == (0o600, f"{key}\n")
    assert where.endswith("server-key")
    assert len(key) > 40
    assert key != find_key(Home(home.root / "other"))[0]


def test_a_key_of_ones_own_is_taken_and_not_kept(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "  my-own-key-0123456789 ")
    assert find_key(home) == ("my-own-key-0123456789", VARIABLE)
    assert not home.server_key.exists()
    monkeypatch.setenv(VARIABLE, " ")
    assert find_key(home)[1] != VARIABLE


@pytest.mark.parametrize("key", ["short", "with blanks in its middle", "schlüssel-schlüssel", "with\ttab-0123456789"])
def test_what_is_no_key_is_refused_and_not_shown(key: str, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, key)
    told = refused(roleplay("serve", "yui"), 2)
    assert f"{VARIABLE} holds no key: that is 16 or more ASCII characters without blanks" in told
    assert key not in told

    monkeypatch.delenv(VARIABLE)
    home.root.mkdir(parents=True)
    home.server_key.write_text(key, encoding="utf-8")
    with pytest.raises(UsageError, match="server-key holds no key"):
        find_key(home)


def test_a_key_that_cannot_be_kept_is_an_error(home: Home) -> None:
    home.root.mkdir(parents=True)
    home.server_key.mkdir()
    with pytest.raises(StorageError, match="server-key"):
        find_key(home)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_addresses_of_this_machine_alone_are_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org", "localhost.example", ""])  # noqa: S104
def test_all_others_are_reached_from_outside(host: str) -> None:
    assert not is_loopback(host)


def test_a_free_port_is_taken() -> None:
    with contextlib.closing(listen("127.0.0.1", 0)) as one, contextlib.closing(listen("127.0.0.1", 0)) as other:
        assert 0 < one.getsockname()[1] != other.getsockname()[1] > 0


def _events(line: httpx2.Response) -> Iterator[dict[str, object]]:
    for text in line.iter_lines():
        if text.startswith("data: {"):
            yield json.loads(text.removeprefix("data: "))


def _stream(server: Served, key: str, number: int) -> tuple[list[dict[str, object]], float, int]:
    """What a long stream said after `number` came in its middle; seconds until the process ended, and how."""
    wish = {"model": "yui", "messages": [{"role": "user", "content": "Hi."}], "stream": True, "temperature": 0}
    wish |= {"max_tokens": 900, "repetition_penalty": 1e-3}  # what was said once is said on and on
    with (
        httpx2.Client(base_url=server.root, timeout=PATIENCE) as http,
        http.stream("POST", CHAT, json=wish, headers={"Authorization": f"Bearer {key}"}) as line,
    ):
        events = _events(line)
        said = [next(events) for _ in range(5)]
        begun = time.monotonic()
        server.process.send_signal(number)
        said += list(events)
    return said, time.monotonic() - begun, server.process.wait(PATIENCE)


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, -signal.SIGTERM, marks=pytest.mark.soak),
    ],
)
def test_a_signal_ends_the_server_and_its_streams_are_told(number: int, status: int, tmp_path: Path) -> None:
    """With a key of its own making, on a port that is free."""
    home = Home(tmp_path / "served")
    with serving("yui", home=home, env={VARIABLE: ""}) as server:
        key = home.server_key.read_text().strip()
        said, seconds, ended = _stream(server, key, number)
        assert server.process.stdout is not None
        assert server.process.stdout.read() == "", "stdout holds the address alone"

    error = said[-1]["error"]
    assert isinstance(error, dict)
    assert (error["type"], error["code"]) == ("server_error", "going_down")
    assert (ended, seconds < 8) == (status, True)
    assert server.address == f"http://127.0.0.1:{server.port}/v1"
    assert f"API key: {key} (kept in " in server.said
    assert [line.split()[0] for line in server.said.splitlines() if line.startswith("  ")] == [
        *("yui", "yui:no-prefix", "pocket"),
    ]
    assert "Traceback" not in server.said
