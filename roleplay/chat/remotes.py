"""Which models of other programs stand beside a character."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from roleplay.errors import UsageError
from roleplay.generation.lanes import Lane
from roleplay.text import clean, one_line


@dataclass(frozen=True)
class Remote:
    """A model behind a server that speaks the OpenAI chat API."""

    model: str
    """As the server lists it."""
    url: str
    """The server's base URL, with `/v1` or whatever stands in its place."""

    @property
    def name(self) -> str:
        """Model and server, as they may be shown: a password in the URL is not."""
        return f"{self.model} at {shown_url(self.url)}"

    @property
    def lane(self) -> Lane:
        """The lane it answers in; it is sent the active prefixes."""
        return Lane(adapter=False, prefix=True, model=self.model)


def parse_remote(text: str) -> Remote:
    """`MODEL@URL` -> the model. Raises UsageError."""
    model, at, rest = text.strip().partition("@http")
    url = _whole_url("http" + rest) if at else None
    if url is None or not model.strip() or clean(text) != text or " " in text.strip():
        raise UsageError(
            f"'{one_line(text)}' is no model of a server; write MODEL@URL, such as qwen3:0.6b@http://localhost:11434/v1"
        )
    return Remote(model, url)


def parse_server(text: str) -> str:
    """A server's base URL, with `/v1` where a person left the path out. Raises UsageError."""
    url = _whole_url(text.strip())
    if url is None or clean(text) != text or " " in text.strip():
        raise UsageError(f"'{one_line(text)}' is no server; write a URL such as http://localhost:8000/v1")
    return url


def shown_url(url: str) -> str:
    """The URL as it may be shown: a password in it is not."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _whole_url(text: str) -> str | None:
    """The base URL of an API; `None` where `text` is no address of a server."""
    try:
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            return None
    except ValueError:  # a port that is none
        return None
    return parts._replace(path=parts.path.rstrip("/") or "/v1", query="", fragment="").geturl()


def parse_remotes(texts: Sequence[str]) -> tuple[Remote, ...]:
    """The models typed, each with a name of its own, since lanes go by it. Raises UsageError."""
    remotes = tuple(parse_remote(text) for text in texts)
    for i, remote in enumerate(remotes):
        if remote.model in [other.model for other in remotes[:i]]:
            raise UsageError(f"the model '{one_line(remote.model)}' is named twice; lanes go by the model's name")
    return remotes
