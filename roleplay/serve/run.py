"""Serving, from the port to the last reply."""

import asyncio
import contextlib
import ipaddress
import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from types import FrameType

import uvicorn

from roleplay.cards.load import CardFile
from roleplay.errors import UsageError
from roleplay.paths import Home
from roleplay.serve.app import make_app
from roleplay.serve.model import Model
from roleplay.serve.open import Wanted, open_models

_CLOSING = 3
"""Seconds that answers have to end when the server is stopped."""
_IDLE = 30
"""Seconds that a connection may wait for its next request."""

Ready = Callable[[str, Mapping[str, Model]], object]
"""Told the address when requests are answered, and the models."""


def serve(
    cards: Sequence[CardFile],
    home: Home,
    wanted: Wanted,
    *,
    host: str,
    port: int,
    key: str | None,
    tell: Callable[[str], object],
    ready: Ready,
) -> None:
    """Answer until the process is told to stop; the port is taken before anything is loaded.

    Raises UsageError where it cannot be had, and what `open_models` raises.
    """
    listening = listen(host, port)
    with contextlib.closing(listening):
        models = open_models(cards, home, wanted, tell)
        try:
            asyncio.run(_serve(models, listening, host, key, tell, ready))
        finally:
            for rolling in {model.rolling for model in models.values()}:
                rolling.close()


def listen(host: str, port: int) -> socket.socket:
    """A socket on `port` of `host`, 0 for a free one. Raises UsageError."""
    try:
        if not host:
            raise OSError("it would be every address")
        kind, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.socket(kind)
    except (OSError, UnicodeError, OverflowError) as error:
        raise UsageError(f"--host '{host}' is no address of this machine; 127.0.0.1 is this machine alone") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(256)
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"port {port} of {host} cannot be had: {reason}; choose another with --port, 0 takes a free one"
        ) from error
    return listening


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach `host`."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


async def _serve(
    models: Mapping[str, Model],
    listening: socket.socket,
    host: str,
    key: str | None,
    tell: Callable[[str], object],
    ready: Ready,
) -> None:
    # Requests that are none and the like: nothing that a client sent is printed.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    hosts = {"localhost", "127.0.0.1", "[::1]", host} if is_loopback(host) else set()
    app = make_app(models, key, hosts, tell)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_keep_alive=_IDLE,
        timeout_graceful_shutdown=_CLOSING,
    )
    server = _Server(config, models)
    name = f"[{host}]" if ":" in host else host
    address = f"http://{name}:{listening.getsockname()[1]}/v1"
    serving = asyncio.ensure_future(server.serve(sockets=[listening]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    if server.started:
        ready(address, models)
    await serving


class _Server(uvicorn.Server):
    """Told to stop, it tells whoever listens that it goes; else replies under way would hold it up."""

    def __init__(self, config: uvicorn.Config, models: Mapping[str, Model]) -> None:
        super().__init__(config)
        self.models = models

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal has come."""
        super().handle_exit(sig, frame)
        for rolling in {model.rolling for model in self.models.values()}:
            rolling.stop()
