"""A local HTTP server that speaks as much of the hub's API as fetching, and committing small files, needs."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

REPO = "ada/yui"
TOKEN = "hf_opensesame"

_LIBRARYS_OWN = "/api/agent-harnesses"
"""What huggingface_hub asks once a day, of its own accord and without a key."""


@dataclass
class Hub:
    """A running hub with one repository."""

    url: str
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """Files by path, by commit."""
    main: str = ""
    """Commit of the main branch; empty where the repository is not there."""
    private: bool = False
    sizes: dict[str, int] = field(default_factory=dict)
    """Announced sizes that are lies."""
    hidden: set[str] = field(default_factory=set)
    """Paths that the second listing, that of a tree, leaves out."""
    cut: dict[str, int] = field(default_factory=dict)
    """Bytes of a file after which it hangs up, once."""
    refuse: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    """Status, headers and body by the beginning of a path."""
    asked: list[str] = field(default_factory=list)
    """Method and path of every request."""
    created: list[dict[str, Any]] = field(default_factory=list)
    """Repositories that were asked to be made."""
    tokens: set[str] = field(default_factory=set)
    """What was sent to prove who asks."""

    def commit(self, files: dict[str, bytes]) -> str:
        """Put `files` on the main branch."""
        self.main = hashlib.sha1(repr((self.main, files)).encode(), usedforsecurity=False).hexdigest()
        self.commits[self.main] = dict(files)
        return self.main

    def fetched(self) -> list[str]:
        """Paths of the files whose content was sent."""
        return [line.split("/resolve/")[1].split("/", 1)[1] for line in self.asked if line.startswith("GET /ada")]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_GET(self) -> None:
        path = self._begin()
        if path is None:
            return
        if path.startswith(f"/api/models/{REPO}/tree/"):
            self._json(self._tree(path.split("/tree/")[1]))
        elif path.startswith(f"/api/models/{REPO}"):
            self._info(path)
        elif "/resolve/" in path:
            self._file(path)
        else:
            self._send(b"{}", 404, {})  # the library asks for more than it needs

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        path = self._begin()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if path is None:
            return
        if path == "/api/repos/create":
            self.hub.created.append(json.loads(body))
            if self.hub.main:
                self._json({"url": f"{self.hub.url}/{REPO}"}, 409)
            else:
                self.hub.private = json.loads(body).get("visibility") == "private"
                self.hub.commit({".gitattributes": b""})
                self._json({"url": f"{self.hub.url}/{REPO}"})
        elif path == "/api/validate-yaml":
            self._json({})
        elif "/preupload/" in path:
            files = json.loads(body)["files"]
            modes = [{"path": one["path"], "uploadMode": "regular", "shouldIgnore": False} for one in files]
            self._json({"files": modes})
        else:
            self._take([json.loads(line) for line in body.splitlines()])

    def _begin(self) -> str | None:
        """The path, unless it is refused."""
        path = unquote(urlsplit(self.path).path)
        if path == _LIBRARYS_OWN:
            self._send(b"", 404, {})
            return None
        self.hub.asked.append(f"{self.command} {path}")
        self.hub.tokens.add(self.headers.get("Authorization", ""))
        for beginning, (status, headers, body) in self.hub.refuse.items():
            if path.startswith(beginning):
                self._send(body, status, headers)
                return None
        return path

    def _files(self, revision: str) -> tuple[str, dict[str, bytes]]:
        commit = self.hub.main if revision == "main" else revision
        return commit, self.hub.commits.get(commit, {})

    def _info(self, path: str) -> None:
        commit, files = self._files(path.split("/revision/")[1] if "/revision/" in path else "main")
        if not files:
            code = "RepoNotFound" if not self.hub.main else "RevisionNotFound"
            self._send(b"{}", 404, {"X-Error-Code": code})
            return
        listed = [{"rfilename": one, "size": self.hub.sizes.get(one, len(files[one])), "blobId": "0"} for one in files]
        self._json({"id": REPO, "sha": commit, "private": self.hub.private, "siblings": listed})

    def _tree(self, revision: str) -> list[dict[str, Any]]:
        files, hub = self._files(revision)[1], self.hub
        return [
            {"type": "file", "path": one, "size": len(files[one]), "oid": "0"} for one in files if one not in hub.hidden
        ]

    def _file(self, path: str) -> None:
        revision, name = path.split("/resolve/")[1].split("/", 1)
        commit, files = self._files(revision)
        body = files[name]
        headers = {"X-Repo-Commit": commit, "ETag": f'"{hashlib.sha256(body).hexdigest()}"', "Accept-Ranges": "bytes"}
        wanted, cut = self.headers.get("Range", ""), None
        if self.command == "GET":
            cut = self.hub.cut.pop(name, None)
        if not wanted:
            self._send(body, 200, headers, cut)
            return
        begin = int(wanted.removeprefix("bytes=").removesuffix("-"))
        headers["Content-Range"] = f"bytes {begin}-{len(body) - 1}/{len(body)}"
        self._send(body[begin:], 206, headers, cut)

    def _take(self, lines: list[dict[str, Any]]) -> None:
        files = dict(self.hub.commits[self.hub.main])
        for line in lines:
            if line["key"] == "file":
                files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            elif line["key"] == "deletedFile":
                del files[line["value"]["path"]]
        oid = self.hub.commit(files)
        self._json({"commitUrl": f"{self.hub.url}/{REPO}/commit/{oid}", "commitOid": oid})

    def _json(self, value: Any, status: int = 200) -> None:
        self._send(json.dumps(value).encode(), status, {"Content-Type": "application/json"})

    def _send(self, body: bytes, status: int, headers: dict[str, str], cut: int | None = None) -> None:
        self.send_response(status)
        for key, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            with suppress(OSError):  # whoever asked may have left
                self.wfile.write(body[:cut])
        if cut is not None:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


@contextmanager
def hub_server() -> Iterator[Hub]:
    """Serve on a free port of this machine."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub = Hub(f"http://127.0.0.1:{server.server_address[1]}")
    handler.hub = hub  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def use_hub(hub: Hub, patch: pytest.MonkeyPatch, folder: str) -> None:
    """Let the hub's library in this process, which read its settings when it was imported, speak to `hub`."""
    patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    patch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
    template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    patch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
    patch.setattr("huggingface_hub.constants.HF_HUB_CACHE", f"{folder}/hub")
    patch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", f"{folder}/token")
    patch.setattr("huggingface_hub.file_download.time.sleep", lambda _seconds: None)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE"):
        patch.delenv(name, raising=False)
