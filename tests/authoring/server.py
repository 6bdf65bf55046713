"""A local HTTP server that speaks the OpenAI chat API, well or badly, as a test scripts it."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SOON = {"retry-after-ms": "1"}
"""So that no test waits for the library's back-off."""


@dataclass(frozen=True)
class Reply:
    """What the server does with one request."""

    text: str = ""
    """Content of the answer."""
    status: int = 200
    body: str | None = None
    """Sent as it is, in place of a completion or an error."""
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False
    """Close the connection without a word."""
    wait: float = 0.0
    """Seconds before it answers; cut short where the server ends."""
    finish: str = "stop"


@dataclass(frozen=True)
class Request:
    """What was asked."""

    path: str
    key: str
    """Without `Bearer`."""
    body: dict[str, Any]

    @property
    def said(self) -> str:
        """The last message."""
        return str(self.body["messages"][-1]["content"])


@dataclass
class ChatServer:
    """A running server."""

    url: str
    reply: Callable[[Request], Reply | str]
    """May be replaced while it runs."""
    models: tuple[str, ...] = ("small",)
    requests: list[Request] = field(default_factory=list)
    """Chat requests, retries included."""
    over: threading.Event = field(default_factory=threading.Event)
    """Set when the server ends."""


@contextmanager
def serving(reply: Callable[[Request], Reply | str] | Reply | str) -> Iterator[ChatServer]:
    """Serve on a free port of this machine."""

    class Handler(_Handler):
        server_state: ChatServer

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = ChatServer(f"http://127.0.0.1:{web.server_address[1]}/v1", reply if callable(reply) else lambda _: reply)
    Handler.server_state = state
    thread = threading.Thread(target=web.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.over.set()
        web.shutdown()
        web.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server_state: ChatServer

    def do_GET(self) -> None:
        if self.path != "/v1/models":
            self._send(404, json.dumps({"error": {"message": f"no {self.path} here"}}), {})
            return
        listed = [{"id": name, "object": "model"} for name in self.server_state.models]
        self._send(200, json.dumps({"object": "list", "data": listed}), {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        request = Request(self.path, self.headers["authorization"].removeprefix("Bearer "), body)
        if self.path != "/v1/chat/completions":
            self._send(404, json.dumps({"error": {"message": f"no {self.path} here"}}), {})
            return
        self.server_state.requests.append(request)
        reply = self.server_state.reply(request)
        reply = Reply(reply) if isinstance(reply, str) else reply
        self.server_state.over.wait(reply.wait)
        if reply.hang_up:
            self.close_connection = True
            return
        self._send(reply.status, reply.body if reply.body is not None else _written(reply), reply.headers)

    def _send(self, status: int, text: str, headers: dict[str, str]) -> None:
        data = text.encode()
        with suppress(ConnectionError):  # who waited may be gone
            self._write(status, data, headers)

    def _write(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr, which tests read."""


def _written(reply: Reply) -> str:
    if reply.status != 200:
        return json.dumps({"error": {"message": reply.text or "no reason", "type": "error"}})
    choice = {"index": 0, "message": {"role": "assistant", "content": reply.text}, "finish_reason": reply.finish}
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    return json.dumps({"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage})
