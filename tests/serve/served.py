"""The real server in a process of its own, and what tests ask of it."""

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import openai
from prometheus_client.parser import text_string_to_metric_families

from roleplay.paths import Home
from roleplay.serve.key import VARIABLE
from tests.cli.conftest import spawn

KEY = "test-key-0123456789abcdef"
PATIENCE = 60.0
"""Seconds until a test fails that waits for what never comes."""
CHAT = "/v1/chat/completions"


@dataclass(frozen=True)
class Served:
    """A server that answers."""

    process: subprocess.Popen[str]
    """Its process; on stdout nothing comes after the address."""
    address: str
    """As it was printed, with `/v1`."""
    errors: Path
    """What it says on stderr."""

    @property
    def root(self) -> str:
        """The address without `/v1`."""
        return self.address.removesuffix("/v1")

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.root.rpartition(":")[2])

    @property
    def said(self) -> str:
        """All of stderr so far."""
        return self.errors.read_text(encoding="utf-8")

    def http(self, **options: Any) -> httpx2.Client:
        """A plain client that holds the key."""
        headers = {"Authorization": f"Bearer {KEY}"}
        return httpx2.Client(**{"base_url": self.root, "headers": headers, "timeout": PATIENCE} | options)

    def client(self) -> openai.OpenAI:
        """The client of the API that people use."""
        return openai.OpenAI(base_url=self.address, api_key=KEY, max_retries=0, timeout=PATIENCE)

    def count(self, name: str, **labels: str) -> float:
        """Sum of the samples of that name which carry `labels`, as /metrics tells them."""
        with self.http() as http:
            told = http.get("/metrics").raise_for_status().text
        samples = [sample for family in text_string_to_metric_families(told) for sample in family.samples]
        return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())

    def wait_until(self, reached: Callable[[], bool], seconds: float) -> bool:
        """Whether it was reached in that time."""
        until = time.monotonic() + seconds
        while not reached():
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        return True


@contextlib.contextmanager
def serving(*arguments: object, home: Home, env: dict[str, str] | None = None) -> Iterator[Served]:
    """Start `roleplay serve` on a free port; killed at the end where it still runs."""
    home.root.mkdir(parents=True, exist_ok=True)
    errors = home.root / "stderr"
    environment = {"ROLEPLAY_HOME": str(home.root), "HF_HUB_OFFLINE": "1", VARIABLE: KEY} | (env or {})
    with (
        errors.open("w", encoding="utf-8") as stderr,
        spawn("serve", *arguments, "--port", 0, env=environment, stderr=stderr) as process,
    ):
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address, errors.read_text(encoding="utf-8")
            yield Served(process, address, errors)
        finally:
            process.kill()
