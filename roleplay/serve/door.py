"""Who may come in: holders of the key, by a name that this server has; and what goes wrong inside stays inside."""

import secrets
import traceback
from collections.abc import Callable, Collection
from pathlib import Path

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from roleplay.serve.refusal import Refusal

_OPEN = "/health"
"""The path that needs no key."""


class Door:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, key: str | None, hosts: Collection[str], report: Callable[[str], object]) -> None:
        """`key` is `None` where none is asked for; with `hosts`, the server is answered by these names alone.

        A page of another site can have its own name point here (DNS rebinding), and then ask as if it were at home.
        `report` hears of faults of this program, without anything that a client sent.
        """
        self.app, self.key, self.hosts, self.report = app, key, hosts, report

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in or refuse."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal.response()(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            self.report(f"a request failed with {type(error).__name__} at {_where(error)}; report this")

    def _refusal(self, scope: Scope) -> Refusal | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        if self.hosts and name.lower() not in self.hosts:
            return Refusal(
                403, "this server goes by another name; ask it by the address it printed", None, "wrong_host"
            )
        if self.key is None or scope["path"] == _OPEN:
            return None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and secrets.compare_digest(given.strip().encode(), self.key.encode()):
            return None
        return Refusal(
            401,
            ("the API key is not this server's" if given else "there is no API key")
            + "; send the one it was started with as 'Authorization: Bearer …'",
            None,
            "invalid_api_key",
            {"WWW-Authenticate": "Bearer"},
        )


def _where(error: Exception) -> str:
    """File and line of this program, or the library's, where it broke."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"
