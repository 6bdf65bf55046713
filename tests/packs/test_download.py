"""A pack from an address: whole, the same, from where it should come from, or not at all."""

import gzip
import ipaddress
import json
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from roleplay.errors import PackError, StorageError
from roleplay.packs.addresses import Reach, checked_addresses, is_public, reach_of
from roleplay.packs.download import download
from roleplay.paths import Home
from tests.packs.file_server import Answer, FileServer, file_server, make_certificate, whole_or_rest

BODY = bytes(range(256)) * 2000
"""Half a megabyte: several blocks."""


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server(whole_or_rest(BODY)) as running:
        yield running


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For this machine and for `pack.test`."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here to make a certificate with")
    return make_certificate(
        tmp_path_factory.mktemp("tls") / "one.pem", "DNS:localhost", "DNS:pack.test", "IP:127.0.0.1"
    )


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    return certificate


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Hosts and their addresses; each is looked up once, a second time fails."""
    known: dict[str, list[str]] = {}
    real, seen = socket.getaddrinfo, set[str]()

    def look_up(host: str, port: int, *rest: Any, **more: Any) -> Any:
        if host not in known:
            return real(host, port, *rest, **more)
        assert host not in seen, f"{host} was looked up twice"
        seen.add(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


def at(server: FileServer, path: str = "/yui.charx") -> str:
    return f"http://127.0.0.1:{server.port}{path}"


def left(home: Home) -> set[str]:
    """Endings of what lies among the downloads."""
    return {path.suffix for path in home.downloads.iterdir()}


def test_a_file_comes_whole_and_leaves_nothing_beside_it(server: FileServer, home: Home) -> None:
    told: list[tuple[int, int | None]] = []
    path = download(at(server), home, tell=lambda done, total: told.append((done, total)))
    assert path.read_bytes() == BODY
    assert left(home) == {".charx"}
    assert told[-1] == (len(BODY), len(BODY))
    assert len(told) > 2
    assert server.asked[0][1]["accept-encoding"] == "identity"
    assert "range" not in server.asked[0][1]


def test_neither_address_nor_query_stands_on_disk(server: FileServer, home: Home) -> None:
    server.answer = lambda *_: Answer(BODY, headers={"ETag": '"one"'}, cut=1000)
    with pytest.raises(PackError) as caught:
        download(at(server, "/yui.charx?key=opensesame"), home)
    assert "opensesame" not in str(caught.value)
    assert len(list(home.downloads.iterdir())) == 2
    for path in home.downloads.iterdir():
        assert b"opensesame" not in path.read_bytes() + path.name.encode()


def test_a_cut_download_goes_on_where_it_ended(server: FileServer, home: Home) -> None:
    rules = server.answer
    server.answer = lambda *_: Answer(BODY, headers={"ETag": '"one"'}, cut=300_000)
    with pytest.raises(PackError, match=r"127.0.0.1 cannot be reached, or hung up: .*; run the same command again"):
        download(at(server), home)
    assert left(home) == {".part", ".json"}
    server.answer = rules
    told: list[int] = []
    assert download(at(server), home, tell=lambda done, _: told.append(done)).read_bytes() == BODY
    assert server.asked[1][1]["range"] == "bytes=300000-"
    assert server.asked[1][1]["if-range"] == '"one"'
    assert told[0] > 300_000
    assert left(home) == {".charx"}


def test_ctrl_c_keeps_what_is_there(server: FileServer, home: Home) -> None:
    def stop(done: int, _total: int | None) -> None:
        if done > 200_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(at(server), home, tell=stop)
    assert left(home) == {".part", ".json"}
    assert download(at(server), home).read_bytes() == BODY
    assert int(server.asked[1][1]["range"].removeprefix("bytes=").removesuffix("-")) > 200_000


def cut_off(server: FileServer, home: Home, **headers: str) -> None:
    """Leave the beginning of another file among the downloads."""
    server.answer = lambda *_: Answer(b"x" * 600_000, headers=headers, cut=100_000)
    with pytest.raises(PackError):
        download(at(server), home)
    server.asked.clear()


def test_a_changed_file_begins_anew(server: FileServer, home: Home) -> None:
    rules = server.answer
    cut_off(server, home, ETag='"zero"')
    server.answer = rules
    assert download(at(server), home).read_bytes() == BODY
    assert len(server.asked) == 1


def test_a_file_without_etag_and_date_is_never_gone_on_with(server: FileServer, home: Home) -> None:
    rules = server.answer
    cut_off(server, home, ETag='W/"one"')
    server.answer = rules
    assert download(at(server), home).read_bytes() == BODY
    assert "range" not in server.asked[0][1]


@pytest.mark.parametrize(
    "told",
    [
        {"ETag": '"one"', "Content-Range": "bytes 99-599999/600000"},
        {"ETag": '"two"', "Content-Range": "bytes 100000-599999/600000"},
        {"ETag": '"one"', "Content-Range": "bytes 100000-199999/200000"},
        {"ETag": '"one"', "Content-Range": "bytes 100000-599999/*"},
        {"ETag": '"one"', "Content-Range": "bytes 100000-599998/600000"},
        {"ETag": '"one"'},
    ],
)
def test_a_rest_of_something_else_is_not_glued_on(told: dict[str, str], server: FileServer, home: Home) -> None:
    rules = server.answer
    cut_off(server, home, ETag='"one"')
    server.answer = lambda path, headers: Answer(b"y" * 500_000, 206, told) if "range" in headers else rules(path, {})
    assert download(at(server), home).read_bytes() == BODY
    assert len(server.asked) == 2


def test_a_file_that_was_whole_already_is_taken(server: FileServer, home: Home) -> None:
    rules = server.answer
    cut_off(server, home, ETag='"one"')
    (part,) = home.downloads.glob("*.part")
    part.write_bytes(BODY)
    server.answer = rules
    assert download(at(server), home).read_bytes() == BODY
    assert len(server.asked) == 1


def test_a_part_longer_than_the_file_begins_anew(server: FileServer, home: Home) -> None:
    rules = server.answer
    cut_off(server, home, ETag='"one"')
    (part,) = home.downloads.glob("*.part")
    part.write_bytes(BODY + b"more")
    server.answer = rules
    assert download(at(server), home).read_bytes() == BODY


@pytest.mark.parametrize("note", [b"", b"[]", b"{}", b'{"mark": 1, "length": 2}', b'{"mark": "", "length": null}'])
def test_a_damaged_note_begins_anew(note: bytes, server: FileServer, home: Home) -> None:
    rules = server.answer
    cut_off(server, home, ETag='"one"')
    (path,) = home.downloads.glob("*.json")
    path.write_bytes(note)
    server.answer = rules
    assert download(at(server), home).read_bytes() == BODY


def test_an_announced_length_that_is_never_sent_is_an_error(server: FileServer, home: Home) -> None:
    server.answer = lambda *_: Answer(BODY, headers={"Content-Length": str(len(BODY) + 5)}, cut=len(BODY))
    with pytest.raises(PackError, match="hung up"):
        download(at(server), home)
    assert ".charx" not in left(home)


def test_a_chunked_rest_that_is_too_short_is_an_error(server: FileServer, home: Home) -> None:
    cut_off(server, home, ETag='"one"')
    told = {"ETag": '"one"', "Content-Range": "bytes 100000-599999/600000"}
    server.answer = lambda *_: Answer(b"y" * 10, 206, told)
    with pytest.raises(PackError, match="announced 600,000 bytes and sent 100,010"):
        download(at(server), home)
    assert left(home) == set()


def test_a_body_without_end_stops_at_the_cap(server: FileServer, home: Home) -> None:
    def watch(done: int, _total: int | None) -> None:
        assert done <= 1_000_000  # or it would go on until the disk is full

    server.answer = lambda *_: Answer(b"x" * 50_000, endless=True)
    with pytest.raises(PackError, match=r"127.0.0.1 sends more than the 1,000,000 bytes"):
        download(at(server), home, most=1_000_000, tell=watch)
    assert left(home) == set()


def test_too_large_an_announcement_is_refused_before_the_first_byte(server: FileServer, home: Home) -> None:
    with pytest.raises(PackError, match="announces 512,000 bytes, more than the 511,999"):
        download(at(server), home, most=len(BODY) - 1)
    assert left(home) == set()


@pytest.mark.parametrize("encoding", ["gzip", "br", "gzip, identity"])
def test_a_packed_body_is_refused_and_not_unpacked(encoding: str, server: FileServer, home: Home) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    server.answer = lambda *_: Answer(bomb, headers={"Content-Encoding": encoding})
    with pytest.raises(PackError, match=rf"sends the file packed once more \({encoding}\)"):
        download(at(server), home)
    assert left(home) == set()


def test_a_page_for_people_is_no_pack(server: FileServer, home: Home) -> None:
    server.answer = lambda *_: Answer(b"<html>", headers={"Content-Type": "text/html; charset=utf-8"})
    with pytest.raises(PackError, match="page for people"):
        download(at(server), home)


@pytest.mark.parametrize(
    ("status", "remedy"),
    [(401, "login"), (403, "public address"), (404, "check the address"), (410, "gone"), (429, "wait"), (503, "later")],
)
def test_a_refusal_names_host_status_and_remedy(status: int, remedy: str, server: FileServer, home: Home) -> None:
    server.answer = lambda *_: Answer(b"no", status)
    with pytest.raises(PackError, match=rf"127.0.0.1 answers with status {status}; .*{remedy}"):
        download(at(server), home)


def test_silence_in_the_middle_ends_and_keeps_the_part(
    server: FileServer, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roleplay.packs.download._PATIENCE", 0.2)
    enough = threading.Event()
    headers = {"ETag": '"one"', "Content-Length": "900000"}
    server.answer = lambda *_: Answer(BODY, headers=headers, silent=enough)
    try:
        with pytest.raises(PackError, match=r"127.0.0.1 said nothing for 0.2 s; run the same command again"):
            download(at(server), home)
    finally:
        enough.set()
    assert left(home) == {".part", ".json"}


def test_nobody_there_is_one_error(home: Home) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound and not listening: nobody else can answer there
        with pytest.raises(PackError, match=r"127.0.0.1 cannot be reached"):
            download(f"http://127.0.0.1:{free.getsockname()[1]}/", home)


def test_a_full_disk_is_told_as_such(server: FileServer, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        download(at(server), home)


# Redirects.


def sent_on(server: FileServer, home: Home, to: str, *, allow_private: bool = False) -> Path:
    """Ask for `/`, which leads to `to`."""
    rules = server.answer
    server.answer = lambda path, headers: (
        Answer(status=302, headers={"Location": to}) if path == "/" else rules(path, headers)
    )
    return download(at(server, "/"), home, allow_private=allow_private)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1.2.3", "0x7f.1", "2130706433", "localhost", "0.0.0.1", "10.1.2.3", "172.16.0.1"),
        *("192.168.1.1", "100.64.0.1", "169.254.169.254", "224.0.0.1", "240.0.0.1", "255.255.255.255", "198.18.0.1"),
        *("[::1]", "[::]", "[::ffff:10.0.0.1]", "[::ffff:7f00:1]", "[fe80::1]", "[fc00::1]", "[fec0::1]", "[ff02::1]"),
        *("[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2001::1]", "[::7f00:1]"),
    ],
)
def test_no_redirect_leads_to_an_address_that_is_not_public(host: str, server: FileServer, home: Home) -> None:
    with pytest.raises(PackError, match=r"not on the public internet; if it is meant, add --allow-private"):
        sent_on(server, home, f"https://{host}:{server.port}/yui.charx?secret")
    assert len(server.asked) == 1


def test_a_redirect_to_plain_http_is_refused(server: FileServer, home: Home) -> None:
    for to in ("http://example.org/yui.charx", at(server), "/yui.charx"):
        with pytest.raises(PackError, match="plain http"):
            sent_on(server, home, to)


def test_a_redirect_into_this_machine_is_followed_where_it_is_allowed(server: FileServer, home: Home) -> None:
    assert sent_on(server, home, "/yui.charx", allow_private=True).read_bytes() == BODY
    assert [path for path, _ in server.asked] == ["/", "/yui.charx"]


def test_plain_http_to_another_machine_is_refused_even_where_private_is_allowed(home: Home) -> None:
    with pytest.raises(PackError, match=r"10.0.0.1 was given plain http"):
        download("http://10.0.0.1/yui.charx", home, allow_private=True)


def test_redirects_in_a_circle_end(server: FileServer, home: Home) -> None:
    server.answer = lambda *_: Answer(status=307, headers={"Location": "/again"})
    with pytest.raises(PackError, match=r"127.0.0.1 sends this on more than 5 times"):
        download(at(server), home, allow_private=True)
    assert len(server.asked) == 6


@pytest.mark.parametrize("to", ["https://[::1", "https://a:b@c.d:x/", "https://\x7f/", "file:///etc/passwd", "gopher:"])
def test_a_redirect_to_nonsense_is_one_error(to: str, server: FileServer, home: Home) -> None:
    with pytest.raises(PackError):
        sent_on(server, home, to)
    assert len(server.asked) == 1


# What a person types.


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://example.org/a", "example.org was given plain http"),
        ("ftp://example.org/a", "'ftp://example.org' is no address"),
        ("https:///a", "'https://no host' is no address"),
        ("https://me:opensesame@example.org/a?opensesame", "the address at example.org holds a name or password"),
        ("https://example.org\\@127.0.0.1/a", "the address at 127.0.0.1 holds a name or password"),
        ("https://example.org:99999/a", "has the port 99999"),
        ("https://exa\x00mple.org/", "the address is no URL"),
        ("https://10.0.0.1/a", "10.0.0.1 leads to 10.0.0.1, which is not on the public internet"),
        ("https://127.0.0.2/a", "not on the public internet"),
        ("https://0x7f.1/a", "not on the public internet"),
    ],
)
def test_an_address_that_must_not_be_asked_is_refused(url: str, told: str, home: Home) -> None:
    with pytest.raises(PackError, match=told.replace("\\", "\\\\")) as caught:
        download(url, home)
    assert "opensesame" not in str(caught.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_this_machine_may_be_typed_but_not_redirected_to(host: str) -> None:
    url = httpx2.URL(f"https://{host}/")
    assert reach_of(url, typed=True, allow_private=False) is Reach.LOOPBACK
    assert reach_of(url, typed=False, allow_private=False) is Reach.PUBLIC
    assert reach_of(httpx2.URL("https://a.b/"), typed=True, allow_private=False) is Reach.PUBLIC


def test_a_typed_localhost_that_leads_elsewhere_is_refused(names: dict[str, list[str]]) -> None:
    names["localhost"] = ["127.0.0.1", "93.184.216.34"]
    with pytest.raises(PackError, match=r"localhost should be this machine, but leads to 93.184.216.34"):
        checked_addresses("localhost", 443, Reach.LOOPBACK)


def test_a_name_with_one_private_address_among_public_ones_is_refused(names: dict[str, list[str]]) -> None:
    names["mixed.test"] = ["93.184.216.34", "192.168.0.1"]
    with pytest.raises(PackError, match=r"mixed.test leads to 192.168.0.1"):
        checked_addresses("mixed.test", 443, Reach.PUBLIC)
    names["public.test"] = ["93.184.216.34", "1.1.1.1"]
    assert checked_addresses("public.test", 443, Reach.PUBLIC) == ["93.184.216.34", "1.1.1.1"]


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::"]
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


# Encrypted.


def test_a_certificate_that_is_trusted_and_has_the_name_is_taken(trusted: Path, home: Home) -> None:
    with file_server(whole_or_rest(BODY), trusted) as server:
        assert download(f"https://localhost:{server.port}/a", home).read_bytes() == BODY


def test_a_certificate_nobody_vouches_for_is_refused(certificate: Path, home: Home) -> None:
    with file_server(whole_or_rest(BODY), certificate) as server:
        with pytest.raises(PackError, match="localhost cannot prove that it is localhost: self-signed certificate"):
            download(f"https://localhost:{server.port}/a", home)
        assert server.asked == []


def test_a_certificate_of_another_name_is_refused(trusted: Path, home: Home, names: dict[str, list[str]]) -> None:
    names["other.test"] = ["127.0.0.1"]
    with file_server(whole_or_rest(BODY), trusted) as server:
        with pytest.raises(PackError, match=r"other.test cannot prove that it is other.test: Hostname mismatch"):
            download(f"https://other.test:{server.port}/a", home, allow_private=True)
        assert server.asked == []


def test_the_checked_address_is_connected_to_and_the_name_is_proven(
    trusted: Path, home: Home, names: dict[str, list[str]]
) -> None:
    """`names` fails a second look-up of the name, as a rebinding server would answer it otherwise."""
    names["pack.test"] = ["127.0.0.1"]
    with file_server(whole_or_rest(BODY), trusted) as server:
        url = f"https://pack.test:{server.port}/a"
        assert download(url, home, allow_private=True).read_bytes() == BODY
        assert server.asked[0][1]["host"] == f"pack.test:{server.port}"


def test_the_next_address_of_a_name_is_tried_where_the_first_is_dead(
    trusted: Path, home: Home, names: dict[str, list[str]]
) -> None:
    names["pack.test"] = ["127.0.0.9", "127.0.0.1"]
    with file_server(whole_or_rest(BODY), trusted) as server:
        assert download(f"https://pack.test:{server.port}/a", home, allow_private=True).read_bytes() == BODY


def test_the_note_beside_a_part_holds_mark_and_length_alone(server: FileServer, home: Home) -> None:
    cut_off(server, home, ETag='"one"')
    (note,) = home.downloads.glob("*.json")
    assert json.loads(note.read_bytes()) == {"mark": '"one"', "length": 600_000}
