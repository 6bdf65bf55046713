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
        parts = urlsplit(self.url)
        return f"{self.model} at {parts._replace(netloc=parts.netloc.rpartition('@')[2]).geturl()}"

    @property
    def lane(self) -> Lane:
        """The lane it answers in; it is sent the active prefixes."""
        return Lane(adapter=False, prefix=True, model=self.model)


def parse_remote(text: str) -> Remote:
    """`MODEL@URL` -> the model. Raises UsageError."""
    model, at, url = text.strip().partition("@http")
    url = "http" + url
    parts = urlsplit(url)
    try:
        valid = bool(at) and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        valid = False
    if not valid or not model.strip() or clean(text) != text or " " in text.strip():
        raise UsageError(
            f"'{one_line(text)}' is no model of a server; write MODEL@URL, such as qwen3:0.6b@http://localhost:11434/v1"
        )
    return Remote(model, parts._replace(path=parts.path.rstrip("/") or "/v1", query="", fragment="").geturl())


def parse_remotes(texts: Sequence[str]) -> tuple[Remote, ...]:
    """The models typed, each with a name of its own, since lanes go by it. Raises UsageError."""
    remotes = tuple(parse_remote(text) for text in texts)
    for i, remote in enumerate(remotes):
        if remote.model in [other.model for other in remotes[:i]]:
            raise UsageError(f"the model '{one_line(remote.model)}' is named twice; lanes go by the model's name")
    return remotes
