"""A local HTTP server that hands out one file, well or badly, as a test scripts it."""

import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass(frozen=True)
class Answer:
    """What the server does with one request."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    """Beside a Content-Length that tells the truth, where none is given."""
    cut: int | None = None
    """Bytes of the body after which it hangs up."""
    endless: bool = False
    """Send the body again and again, in chunks."""
    silent: threading.Event | None = None
    """Waited for after the body, before hanging up."""


@dataclass
class FileServer:
    """A running server."""

    port: int
    answer: Callable[[str, dict[str, str]], Answer]
    """Path and headers (lower case) to an answer; may be replaced while it runs."""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """Path and headers of every request."""


def whole_or_rest(body: bytes, tag: str = '"one"') -> Callable[[str, dict[str, str]], Answer]:
    """A server that keeps to the rules: ranges, and If-Range by ETag."""

    def answer(_path: str, headers: dict[str, str]) -> Answer:
        wanted = headers.get("range", "")
        if not wanted or headers.get("if-range", tag) != tag:
            return Answer(body, headers={"ETag": tag})
        begin = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if begin >= len(body):
            return Answer(status=416, headers={"Content-Range": f"bytes */{len(body)}"})
        told = {"ETag": tag, "Content-Range": f"bytes {begin}-{len(body) - 1}/{len(body)}"}
        return Answer(body[begin:], 206, told)

    return answer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: FileServer

    def do_GET(self) -> None:
        headers = {key.lower(): value for key, value in self.headers.items()}
        self.served.asked.append((self.path, headers))
        answer = self.served.answer(self.path, headers)
        self.send_response(answer.status)
        told = {"Transfer-Encoding": "chunked"} if answer.endless else {"Content-Length": str(len(answer.body))}
        for key, value in (told | answer.headers).items():
            self.send_header(key, value)
        self.end_headers()
        with suppress(OSError):  # whoever asked may have left
            while answer.endless:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(answer.body), answer.body))
            self.wfile.write(answer.body[: answer.cut])
            self.wfile.flush()
        if answer.silent is not None:
            answer.silent.wait(60)
        if answer.cut is not None or answer.silent is not None:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


@contextmanager
def file_server(answer: Callable[[str, dict[str, str]], Answer], tls: Path | None = None) -> Iterator[FileServer]:
    """Serve on a free port of this machine; `tls` is a file with key and certificate."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    served = FileServer(server.server_address[1], answer)
    handler.served = served  # type: ignore[attr-defined]
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a refused handshake is expected
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def make_certificate(path: Path, *names: str) -> Path:
    """Write a key and a certificate that vouches for itself as `names` (`DNS:…`, `IP:…`) into one file."""
    options = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    subject = ("-subj", "/CN=test", "-addext", f"subjectAltName={','.join(names)}")
    files = ("-keyout", str(path), "-out", f"{path}.crt")
    subprocess.run(["openssl", "req", *options, *subject, *files], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + Path(f"{path}.crt").read_bytes())
    return path
