"""A pack fetched from an https address: checked on the way, resumed where it was cut off."""

import contextlib
import json
import os
import re
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpcore2
import httpx2

from roleplay import __version__
from roleplay.errors import PackError
from roleplay.packs.addresses import CheckedBackend, reach_of, shown_host
from roleplay.packs.source import MOST_BYTES
from roleplay.paths import Home, storing, write_file
from roleplay.text import fingerprint, one_line

Tell = Callable[[int, int | None], None]
"""Told bytes that are here, and bytes in all where they are known."""

_MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_PATIENCE = 30.0
"""Seconds that a server may take to answer, and be silent in between."""
_LONGEST_MARK = 300
_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18}|\*)")
_AGAIN = "run the same command again: it goes on where it ended"
_REFUSALS = {
    401: "it wants a login, which is not supported; ask for a public address",
    403: "it does not give the file to everybody; ask for a public address",
    404: "check the address",
    410: "ask where the file has gone",
    429: "it is asked too often; wait a while",
}


@dataclass(frozen=True)
class _Kept:
    """What an earlier try left."""

    size: int
    """Bytes that are here."""
    mark: str
    """ETag or date that the server gave; another one means another file."""
    length: int | None
    """Bytes of the whole file, as announced."""


@dataclass(frozen=True)
class _Part:
    """A file on its way, and beside it what its server said of it; its name does not tell the address."""

    file: Path
    note: Path

    def kept(self) -> _Kept | None:
        """What can be gone on from; `None` where nobody can tell whether the file is still the same."""
        try:
            size, value = self.file.stat().st_size, json.loads(self.note.read_bytes())
            mark, length = value["mark"], value["length"]
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None
        usable = size and isinstance(mark, str) and mark and (length is None or isinstance(length, int))
        return _Kept(size, mark, length) if usable else None

    def begin(self, response: httpcore2.Response, length: int | None) -> None:
        """Note whose bytes follow; the old ones go first, so that they are never taken for these."""
        self.file.unlink(missing_ok=True)
        write_file(self.note, json.dumps({"mark": _mark(response), "length": length}))

    def remove(self) -> None:
        """Leave nothing."""
        self.file.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


def download(
    url: str,
    home: Home,
    *,
    allow_private: bool = False,
    tell: Tell = lambda done, total: None,
    most: int = MOST_BYTES,
) -> Path:
    """Fetch `url` into the home's downloads, to be removed by whoever asked. Raises PackError or StorageError.

    A person may type an address of this machine, by http too; redirects lead to public addresses and https only, unless
    `allow_private`. What was fetched before it was cut off or interrupted is kept, and used where the server proves by
    ETag or date that the file is the same (RFC 9110, If-Range). Proxies of the environment are not used.
    """
    key = fingerprint(url)[:32]
    part = _Part(home.downloads / f"{key}.part", home.downloads / f"{key}.json")
    fetch = _Fetch(_parsed(url, "the address"), part, allow_private, most, tell)
    target = part.file.with_suffix(".charx")
    with storing(part.file):
        part.file.parent.mkdir(parents=True, exist_ok=True)
        if not fetch.fill(part.kept()):
            fetch.fill(None)
        os.replace(part.file, target)
        part.remove()
    return target


@dataclass(frozen=True)
class _Fetch:
    """One file from one address."""

    address: httpx2.URL
    """As a person typed it."""
    part: _Part
    """Where it is put."""
    allow_private: bool
    """Whether private addresses may be connected to."""
    most: int
    """Largest file in bytes."""
    tell: Tell

    def fill(self, kept: _Kept | None) -> bool:
        """Fill the part; returns whether it is whole, and is not only where what was `kept` is of no use."""
        with contextlib.ExitStack() as stack:
            host, response = self._answer(kept, stack)
            if kept is not None and response.status == 416:
                found = _RANGE.fullmatch(_header(response, "content-range"))
                return found is not None and found[3] == str(kept.size)
            if kept is not None and response.status == 206:
                begin, total = kept.size, _total(response, kept)
                if total is None:
                    return False
            elif response.status == 200:
                begin, total = 0, _number(_header(response, "content-length"))
            else:
                remedy = _REFUSALS.get(response.status, "try later, or check the address")
                raise PackError(f"{host} answers with status {response.status}; {remedy}")
            _check_content(response, host)
            if total is not None and total > self.most:
                raise PackError(f"{host} announces {total:,} bytes, more than the {self.most:,} of the largest pack")
            if not begin:
                self.part.begin(response, total)
            with _watching(host):
                done = self._append(response, begin, total, host)
        if total is not None and done != total:
            self.part.remove()
            raise PackError(f"{host} announced {total:,} bytes and sent {done:,}; try again, or another address")
        return True

    def _append(self, response: httpcore2.Response, done: int, total: int | None, host: str) -> int:
        """Append what comes; returns the size. What is there after an error or Ctrl-C stays for the next try."""
        with self.part.file.open("ab") as file:
            for block in response.iter_stream():
                done += len(block)
                if done > self.most:
                    break
                file.write(block)
                self.tell(done, total)
            file.flush()
            os.fsync(file.fileno())
        if done > self.most:
            self.part.remove()
            raise PackError(f"{host} sends more than the {self.most:,} bytes of the largest pack; it is none")
        return done

    def _answer(self, kept: _Kept | None, stack: contextlib.ExitStack) -> tuple[str, httpcore2.Response]:
        """The first answer that is no redirect, with the host that gave it."""
        url = self.address
        for hop in range(_MOST_REDIRECTS + 1):
            reach, host = reach_of(url, typed=hop == 0, allow_private=self.allow_private), shown_host(url)
            pool = stack.enter_context(httpcore2.ConnectionPool(network_backend=CheckedBackend(reach)))
            target = httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
            timeout = dict.fromkeys(("connect", "read", "write", "pool"), _PATIENCE)
            with _watching(host):
                asked = pool.stream("GET", target, headers=_headers(url, kept), extensions={"timeout": timeout})
                response = stack.enter_context(asked)
            location = _header(response, "location")
            if response.status not in _REDIRECTS or not location:
                return host, response
            url = _parsed(location, f"where {host} sends this on", url)
        raise PackError(f"{host} sends this on more than {_MOST_REDIRECTS} times; ask for the address of the file")


def _headers(address: httpx2.URL, kept: _Kept | None) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"Host", address.netloc),
        (b"User-Agent", f"roleplay/{__version__}".encode()),
        (b"Accept", b"*/*"),
        (b"Accept-Encoding", b"identity"),
    ]
    if kept is not None:
        headers += [(b"Range", f"bytes={kept.size}-".encode()), (b"If-Range", kept.mark.encode())]
    return headers


def _parsed(url: str, called: str, base: httpx2.URL | None = None) -> httpx2.URL:
    try:
        return httpx2.URL(url) if base is None else base.join(url)
    except (httpx2.InvalidURL, ValueError) as error:
        raise PackError(f"{called} is no URL; give one like https://example.org/yui.charx") from error


def _check_content(response: httpcore2.Response, host: str) -> None:
    """Raises PackError for what cannot be a file as it is."""
    encoding = _header(response, "content-encoding").strip().lower()
    if encoding not in ("", "identity"):
        raise PackError(f"{host} sends the file packed once more ({one_line(encoding)}), unasked; ask for a plain one")
    if _header(response, "content-type").lower().startswith("text/html"):
        raise PackError(f"{host} answers with a page for people, not a pack; give the address of the file itself")


def _total(response: httpcore2.Response, kept: _Kept) -> int | None:
    """Bytes of the whole file where the answer goes on from what was kept; `None` where it is another file."""
    found = _RANGE.fullmatch(_header(response, "content-range"))
    if found is None or found[1] != str(kept.size) or found[3] == "*" or _mark(response) not in ("", kept.mark):
        return None
    total = int(found[3])
    return total if int(found[2]) == total - 1 and kept.length in (None, total) else None


def _mark(response: httpcore2.Response) -> str:
    """What tells this file from a changed one: a strong ETag, else its date; empty where there is none."""
    tag, date = _header(response, "etag"), _header(response, "last-modified")
    mark = tag if tag.startswith('"') else date
    return mark if len(mark) <= _LONGEST_MARK and mark.isascii() else ""


def _header(response: httpcore2.Response, name: str) -> str:
    found = [value for key, value in response.headers if key.lower() == name.encode()]
    return found[0].decode("latin-1") if found else ""


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\d{1,18}", text) else None


@contextlib.contextmanager
def _watching(host: str) -> Iterator[None]:
    """Errors of the network as one clear error."""
    try:
        yield
    except httpcore2.TimeoutException as error:
        raise PackError(f"{host} said nothing for {_PATIENCE:g} s; {_AGAIN}") from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        first = error.args[0] if error.args else None
        if isinstance(first, ssl.SSLCertVerificationError):
            raise PackError(
                f"{host} cannot prove that it is {host}: {one_line(first.verify_message)}; do not use the address, or "
                "have its owner renew the certificate"
            ) from error
        reason = one_line(str(error), 160) or type(error).__name__
        raise PackError(f"{host} cannot be reached, or hung up: {reason}; {_AGAIN}") from error
