"""`roleplay chat --web`: the same screens in a browser of this machine, a process a visit."""

import asyncio
import os
import shlex
import signal
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING

import typer

from roleplay.cli.output import emit, say
from roleplay.errors import UsageError

if TYPE_CHECKING:
    from aiohttp import web
    from textual_serve.server import Server

PORT = 8000
_HOST = "127.0.0.1"
_OWN = ("web", "port")
_CLOSING = 3.0
"""Seconds that visits have to end."""
_LOOKS = 1.0
"""Seconds between a visit's looks at whether it is served."""


def serve_chat(context: typer.Context, port: int | None) -> None:
    """Serve `roleplay chat` with the options typed beside, until Ctrl-C.

    Raises UsageError where textual-serve is missing or the port cannot be had.
    """
    try:
        from textual_serve.server import Server
    except ImportError as error:
        raise UsageError("--web needs textual-serve; install it with: pip install 'roleplay[web]'") from error
    listening = _listen(PORT if port is None else port)
    # The shell makes way, so that a visit is the server's own child.
    command = ("exec " if os.name == "posix" else "") + shlex.join(
        [sys.executable, "-m", "roleplay", "chat", *typed_beside(context)]
    )
    address = f"http://{_HOST}:{listening.getsockname()[1]}"
    asyncio.run(_serve(Server(command, _HOST, title="roleplay", public_url=address), listening))


def leave_with_server() -> None:
    """End this visit in order when the process that serves it is gone, however that ended."""
    server = os.getppid()

    def watch() -> None:
        while os.getppid() == server:
            time.sleep(_LOOKS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def typed_beside(context: typer.Context) -> Iterator[str]:
    """The options and arguments of this command line, those of the browser left out, as another one takes them."""
    arguments = []
    for param in context.command.params:
        name, value = param.name or "", context.params.get(param.name or "")
        source = context.get_parameter_source(name)
        if name in _OWN or source is None or source.name != "COMMANDLINE":
            continue
        if param.param_type_name == "argument":
            arguments.append(str(value))
        elif isinstance(value, bool):
            yield (param.opts if value else param.secondary_opts)[0]
        else:
            for part in value if isinstance(value, list | tuple) else [value]:
                yield f"{param.opts[0]}={part}"
    if arguments:
        yield from ("--", *arguments)


def _listen(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((_HOST, port))
        listening.listen()
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"--port {port} of {_HOST} cannot be had: {reason}; choose another, 0 takes a free one"
        ) from error
    return listening


async def _serve(server: "Server", listening: socket.socket) -> None:
    from aiohttp import web
    from rich.console import Console

    server.console = Console(stderr=True)
    server.on_startup = _nothing  # type: ignore[method-assign]  # it would print a banner
    app = await server._make_app()
    app.middlewares.append(_only_us(server.public_url))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_CLOSING)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    emit(server.public_url)
    say("Open it in a browser of this machine; Ctrl-C ends it.")
    await ended.wait()
    await runner.cleanup()


async def _nothing(app: "web.Application") -> None:
    pass


def _only_us(address: str) -> "Callable[..., Awaitable[web.StreamResponse]]":
    """Refuse pages of other sites, which a browser would let talk to a port of this machine, and fetch from nowhere."""
    from aiohttp import web

    host = address.removeprefix("http://")
    policy = (
        f"default-src 'self'; connect-src 'self' ws://{host}; script-src 'self' 'unsafe-inline'; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
    )

    @web.middleware
    async def guard(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.host != host or request.headers.get("Origin", address) != address:
            raise web.HTTPForbidden(text=f"Open {address} itself.")
        response = await handler(request)
        if not response.prepared:
            response.headers["Content-Security-Policy"] = policy
        return response

    return guard
