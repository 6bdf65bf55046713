"""What went wrong with a server, and what a person does about it."""

from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError

from roleplay.chat.remotes import Remote
from roleplay.text import one_line

_KEY, _MISSING, _BUSY, _REFUSED = (401, 403), 404, 429, (400, 413, 422)


def trouble(remote: Remote, error: APIError, patience: float) -> str:
    """An error of the library as a message."""
    name = remote.name
    if isinstance(error, APITimeoutError):
        return f"{name} said nothing for {patience:g} s; look whether the server is busy, and ask again"
    if isinstance(error, APIConnectionError):
        reason = one_line(str(error.__cause__ or error), 160) or type(error.__cause__).__name__
        return f"{name} cannot be reached, or hung up: {reason}; start the server or correct its URL, and ask again"
    if not isinstance(error, APIStatusError):
        return f"{name} failed: {one_line(str(error), 200)}; look at the server's log, and ask again"
    told = f"{name} answered with status {error.status_code}: {one_line(_message(error), 200)}"
    if error.status_code in _KEY:
        return f"{told}; put a key that is valid there into OPENAI_API_KEY"
    if error.status_code == _MISSING:
        return f"{told}; check that the URL is right, as a rule with /v1 at its end, and the model one of the server's"
    if error.status_code == _BUSY:
        return f"{told}; wait, and ask again"
    if error.status_code in _REFUSED:
        return f"{told}; begin a new chat if this one is too long for it, or choose another model"
    return f"{told}; look at the server's log, and ask again"


def _message(error: APIStatusError) -> str:
    body = error.body
    told = body.get("message") if isinstance(body, dict) else body
    return told if isinstance(told, str) and told.strip() else error.response.reason_phrase or "no reason given"
