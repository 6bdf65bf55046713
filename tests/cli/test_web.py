"""The browser door: the same screens at an address of this machine, for pages of that address alone."""

import asyncio
import base64
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
from typer.main import get_command

from roleplay.cli import app
from roleplay.cli.web import typed_beside
from tests.cli.conftest import roleplay
from tests.tui.person import MIRA, write_card

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with one character."""
    monkeypatch.chdir(tmp_path)
    write_card(tmp_path / "characters", MIRA)
    return tmp_path


@contextlib.contextmanager
def served(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The program, and the address it says."""
    command = [sys.executable, "-m", "roleplay", "chat", *arguments, "--web", "--port", "0"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("typed", "passed"),
    [
        (["mira", "--web"], ["--", "mira"]),
        (["--web", "--port", "9", "--no-save", "--resume"], ["--resume", "--no-save"]),
        (["--prefix", "who=off", "--prefix=late=on", "--web"], ["--prefix=who=off", "--prefix=late=on"]),
        (["--base", "a b; rm -rf ~", "--seed=7", "--web", "./$(x).yaml"], None),
    ],
)
def test_what_is_typed_beside_goes_to_each_visit(typed: list[str], passed: list[str] | None) -> None:
    command = get_command(app).commands["chat"]  # type: ignore[attr-defined]
    context = command.make_context("chat", list(typed))
    expected = ["--base=a b; rm -rf ~", "--seed=7", "--", "./$(x).yaml"] if passed is None else passed
    assert list(typed_beside(context)) == expected


def test_a_port_that_is_taken_is_one_error(project: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = roleplay("chat", "mira", "--web", "--port", port)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"error: --port {port} of 127.0.0.1 cannot be had: ")
    assert "choose another" in done.err


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["--port", "9"], "--port goes with --web"),
        (["mira", "--web", "--say", "Hi"], "leave --say"),
        (["mira", "--web", "--json"], "leave --say"),
    ],
)
def test_what_does_not_go_with_a_browser_is_refused(project: Path, typed: list[str], told: str) -> None:
    done = roleplay("chat", *typed)
    assert done.status == 2
    assert told in done.err


def test_a_visit_is_a_process_that_pages_of_other_sites_cannot_have(project: Path) -> None:
    with served("mira", "--no-save") as (process, address):
        assert address.startswith("http://127.0.0.1:")
        assert asyncio.run(visit(address)) == {"own": 200, "other site": 403, "other name": 403, "policy": True}
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def test_a_visit_ends_with_its_server_however_that_ends(project: Path) -> None:
    with served("--no-save") as (process, address):
        visits: list[psutil.Process] = []
        asyncio.run(asyncio.wait_for(stay(address, process, visits), 120))
        assert len(visits) == 1
        assert psutil.wait_procs(visits, 60)[1] == []


async def stay(address: str, process: subprocess.Popen[str], visits: list[psutil.Process]) -> None:
    """Visit until something is drawn, then end the server at once."""
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{address}/ws") as wire:
        while b"Who do you want" not in (await wire.receive()).data:
            pass
        visits += psutil.Process(process.pid).children(recursive=True)
        process.kill()


async def visit(address: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    async with aiohttp.ClientSession() as session:
        for who, headers in (
            ("own", {}),
            ("other site", {"Origin": "http://example.org"}),
            ("other name", {"Host": "example.org"}),
        ):
            async with session.get(address, headers=headers) as answer:
                found[who] = answer.status
                if who == "own":
                    policy = answer.headers["Content-Security-Policy"]
                    found["policy"] = "default-src 'self'" in policy
    return found


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_the_screens_are_drawn_and_heard_in_a_browser(project: Path, tmp_path: Path) -> None:
    with served("--no-save") as (process, address):
        profile = tmp_path / "profile"
        command = [str(BROWSER), *FLAGS, "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as browser:
            try:
                port = wait_for(lambda: (profile / "DevToolsActivePort").read_text().split()[0])
                asyncio.run(asyncio.wait_for(look(address, port), 120))
                assert len(psutil.Process(process.pid).children(recursive=True)) >= 1
            finally:
                browser.kill()
        process.send_signal(signal.SIGINT)
        children = psutil.Process(process.pid).children(recursive=True)
        assert process.wait(60) == 0
        assert psutil.wait_procs(children, 60)[1] == []


def wait_for(look: Any, seconds: float = 60) -> str:
    """What `look` finds, once it does."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, IndexError):
            return str(look())
        assert time.monotonic() < end
        time.sleep(0.05)


class Page:
    """A page of the browser, driven through its debugging port."""

    def __init__(self, wire: aiohttp.ClientWebSocketResponse) -> None:
        self.wire, self.drawn, self.asked = wire, "", 0
        """What the terminal in the page was given to draw."""

    async def ask(self, method: str, **parameters: Any) -> Any:
        """Have something done, and wait for it."""
        self.asked += 1
        await self.wire.send_str(json.dumps({"id": self.asked, "method": method, "params": parameters}))
        while (told := await self.hear()).get("id") != self.asked:
            pass
        return told["result"]

    async def hear(self) -> Any:
        told = json.loads((await self.wire.receive()).data)
        if told.get("method") == "Network.webSocketFrameReceived":
            frame = told["params"]["response"]
            if frame["opcode"] == 2:
                self.drawn += base64.b64decode(frame["payloadData"]).decode("utf-8", "replace")
        return told

    async def draws(self, text: str) -> None:
        while text not in self.drawn:
            await self.hear()


async def look(address: str, port: str) -> None:
    """Open the address, see the character, press a key, see what it does."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            (found,) = [target for target in await answer.json() if target["type"] == "page"]
        async with session.ws_connect(found["webSocketDebuggerUrl"]) as wire:
            page = Page(wire)
            await page.ask("Network.enable")
            await page.ask("Page.navigate", url=address)
            await page.draws("Mira")
            await page.ask("Runtime.evaluate", expression="document.querySelector('textarea').focus()")
            await page.ask("Input.dispatchKeyEvent", type="keyDown", key="n", code="KeyN", text="n")
            await page.ask("Input.dispatchKeyEvent", type="keyUp", key="n", code="KeyN")
            await page.draws("A new character")
            shown = await page.ask("Runtime.evaluate", expression="document.body.className")
            assert "-first-byte" in shown["result"]["value"]
            if os.environ.get("ROLEPLAY_SCREENSHOT"):
                drawn = await page.ask("Page.captureScreenshot")
                Path(os.environ["ROLEPLAY_SCREENSHOT"]).write_bytes(base64.b64decode(drawn["data"]))
