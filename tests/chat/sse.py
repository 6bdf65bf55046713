"""A local HTTP server that streams replies of the OpenAI chat API, well or badly, as a test scripts it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from roleplay.chat.remotes import Remote, parse_remote

PATIENCE = 30.0
"""Seconds until a test fails that waits for what never comes."""


@dataclass(frozen=True)
class Script:
    """What the server does with one request."""

    pieces: tuple[str, ...] = ("Hello", ", ", "Captain.")
    """Contents of the pieces."""
    finish: str | None = "stop"
    """How it says that the reply ended; `None` says nothing."""
    raw: tuple[str, ...] = ()
    """Lines sent as they are, in place of the pieces."""
    status: int = 200
    error: str = "no reason"
    """Sent with another status than 200."""
    param: str | None = None
    """The setting that the error names."""
    waits: bool = False
    """Wait for the server's `go_on` behind the first piece."""
    hang_up: bool = False
    """Break the connection off behind the pieces."""
    silent: bool = False
    """Take the request, and say nothing until the other side hangs up."""
    stuck: bool = False
    """Say the pieces, and nothing more until the other side hangs up."""


@dataclass
class Server:
    """A running server."""

    url: str
    scripts: list[Script]
    """Taken one after the other; the last one stays."""
    models: list[dict[str, Any]] = field(default_factory=list)
    """What it lists."""
    listing: Script = Script()
    """How it answers when it is asked for them: with a status, silently, or with the first of `raw` in their place."""
    listed: int = 0
    """How often it was asked for them."""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    """What was asked."""
    keys: list[str] = field(default_factory=list)
    """With what key."""
    left: threading.Event = field(default_factory=threading.Event)
    """Set once the other side hung up early."""
    go_on: threading.Event = field(default_factory=threading.Event)
    """Set by a test where a script waits for it."""

    def remote(self, model: str = "small") -> Remote:
        """One of its models."""
        return parse_remote(f"{model}@{self.url}")


@contextmanager
def streaming(*scripts: Script) -> Iterator[Server]:
    """Serve on a free port of this machine."""

    class Handler(_Handler):
        server_state: Server

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.daemon_threads = True
    Handler.server_state = server = Server(f"http://127.0.0.1:{web.server_address[1]}", list(scripts) or [Script()])
    thread = threading.Thread(target=web.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        web.shutdown()
        web.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server_state: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server = self.server_state
        server.bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        server.keys.append(self.headers["authorization"].removeprefix("Bearer "))
        script = server.scripts.pop(0) if len(server.scripts) > 1 else server.scripts[0]
        self.close_connection = True
        try:
            self._say(script)
        except OSError:
            server.left.set()

    def do_GET(self) -> None:
        server, script = self.server_state, self.server_state.listing
        server.listed += 1
        server.keys.append(self.headers["authorization"].removeprefix("Bearer "))
        self.close_connection = True
        if script.silent:
            self._wait()
        elif script.status != 200:
            self._refuse(script)
        else:
            listed = json.dumps({"object": "list", "data": server.models})
            self._send_whole(200, script.raw[0] if script.raw else listed)

    def _say(self, script: Script) -> None:
        if script.silent:
            self._wait()
            return
        if script.status != 200:
            self._refuse(script)
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.send_header("connection", "close")
        self.end_headers()
        for number, line in enumerate(script.raw or [f"data: {json.dumps(chunk)}\n\n" for chunk in _chunks(script)]):
            self._send(line)
            if script.waits and number == 1:
                self.server_state.go_on.wait(PATIENCE)
        if script.stuck:
            self._wait()
        elif not script.hang_up:
            self._send("data: [DONE]\n\n")
            self.wfile.write(b"0\r\n\r\n")

    def _refuse(self, script: Script) -> None:
        self._send_whole(script.status, json.dumps({"error": {"message": script.error, "param": script.param}}))

    def _send_whole(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def _send(self, text: str) -> None:
        data = text.encode("utf-8", "surrogatepass")
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def _wait(self) -> None:
        """Until the other side hangs up."""
        self.connection.settimeout(PATIENCE)
        with suppress(ConnectionError):  # hung up before all was read
            self.rfile.read(1)
        self.server_state.left.set()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr, which tests read."""


def _chunks(script: Script) -> Iterator[dict[str, Any]]:
    yield {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}
    for piece in script.pieces:
        yield {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}
    if script.finish is not None:
        yield {"choices": [{"index": 0, "delta": {}, "finish_reason": script.finish}]}
