"""Which addresses a download may connect to: the public internet, and this machine where a person typed so."""

import ipaddress
import socket
from collections.abc import Iterable
from enum import Enum

import httpcore2
import httpx2

from roleplay.errors import PackError
from roleplay.text import one_line

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Names of this machine as a person types them; any other spelling is taken for a trick."""
_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All of IPv6 that is given to the public."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""The last 32 bits are an address of IPv4 (RFC 6052)."""
_ALLOW = "if it is meant, add --allow-private"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Reach(Enum):
    """How far a request may go."""

    PUBLIC = "public"
    """To public addresses only."""
    LOOPBACK = "loopback"
    """To this machine only."""
    ANYWHERE = "anywhere"
    """Wherever the name leads; a person allowed it."""


def is_public(address: Address) -> bool:
    """Whether everybody on the internet reaches the same machine there; forms that carry IPv4 are looked through."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast and not address.is_reserved
    carried = address.ipv4_mapped or address.sixtofour
    if carried is None and address in _NAT64:
        carried = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if carried is not None:
        return is_public(carried)
    return address in _UNICAST and address.is_global


def reach_of(url: httpx2.URL, *, typed: bool, allow_private: bool) -> Reach:
    """How far a request for `url` may go; `typed` by a person, or named by a server in a redirect.

    Raises PackError where it must not be sent at all.
    """
    host = shown_host(url)
    if url.scheme not in ("http", "https") or not url.host:
        raise PackError(
            f"'{one_line(url.scheme)}://{host}' is no address of a pack; give one that begins with https://"
        )
    if url.userinfo:
        raise PackError(f"the address at {host} holds a name or password; give one without, they are not sent")
    if url.port is not None and not 0 < url.port < 2**16:
        raise PackError(f"the address at {host} has the port {url.port}, which does not exist; correct it")
    here = url.host in _LOOPBACK and (typed or allow_private)
    if url.scheme == "http" and not here:
        raise PackError(
            f"{host} {'was given' if typed else 'is where a server sends this on, over'} plain http, which anybody on "
            "the way can change; give an https:// address"
        )
    if here:
        return Reach.LOOPBACK
    return Reach.ANYWHERE if allow_private else Reach.PUBLIC


def shown_host(url: httpx2.URL) -> str:
    """The host in messages: never a path, a query or a password."""
    return one_line(url.host, 100) or "no host"


def checked_addresses(host: str, port: int, reach: Reach) -> list[str]:
    """The addresses of `host`, looked up once. Raises PackError where it has none, or one outside `reach`."""
    called = one_line(host, 100)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise PackError(f"there is no host {called}: {one_line(str(error))}; check address and network") from error
    addresses = list(dict.fromkeys(str(where[0]) for *_, where in found))
    for text in addresses:
        address = ipaddress.ip_address(text)
        if reach is Reach.LOOPBACK and not address.is_loopback:
            raise PackError(f"{called} should be this machine, but leads to {text}; check the file of hosts")
        if reach is Reach.PUBLIC and not is_public(address):
            raise PackError(f"{called} leads to {text}, which is not on the public internet; {_ALLOW}")
    return addresses


class CheckedBackend(httpcore2.SyncBackend):
    """Connects to the very address that was checked, so that a second look-up cannot lead elsewhere.

    The name still goes into TLS: server and certificate are those of the host.
    """

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the first address that answers."""
        *others, last = checked_addresses(host, port, self._reach)
        for address in others:
            try:
                return super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return super().connect_tcp(last, port, timeout, local_address, socket_options)
