"""The key that clients send: the person's own, else one that is made once and stays."""

import contextlib
import os
import secrets

from roleplay.errors import UsageError
from roleplay.paths import Home, shown, storing

VARIABLE = "ROLEPLAY_API_KEY"
"""Environment variable that holds a key of the person's own."""
_SHORTEST = 16


def find_key(home: Home) -> tuple[str, str]:
    """The key, and where it is kept. Raises UsageError for one that is none, StorageError where none can be kept."""
    own = os.environ.get(VARIABLE, "").strip()
    if own:
        return _checked(own, VARIABLE), VARIABLE
    path = home.server_key
    with storing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(f"rp-{secrets.token_urlsafe(32)}\n")
        key = path.read_text(encoding="utf-8", errors="replace").strip()
    return _checked(key, shown(path)), shown(path)


def _checked(key: str, where: str) -> str:
    if len(key) < _SHORTEST or not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError(
            f"{where} holds no key: that is {_SHORTEST} or more ASCII characters without blanks; correct it, or "
            "remove it to have one made"
        )
    return key
