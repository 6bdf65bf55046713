"""What went wrong with a server that speaks the OpenAI API, and what a person does about it."""

from dataclasses import dataclass

from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError

from roleplay.text import one_line

_KEY, _MISSING, _BUSY, _REFUSED, _BROKEN = (401, 403), 404, 429, (400, 413, 422), 500


@dataclass(frozen=True)
class AskedServer:
    """Who was asked, and what whoever asked can do when that fails."""

    name: str
    """How the server is called, without a password."""
    model: str
    """As the server lists it; empty where it is not known yet."""
    patience: float
    """Seconds that it may be silent."""
    when_slow: str
    """What helps against silence."""
    when_refused: str
    """What helps where it does not take the prompt."""
    again: str
    """How it is asked again."""
    tries: int = 1
    """How often it is asked before what may pass counts as an error."""


def trouble(asked: AskedServer, error: APIError) -> str:
    """An error of the library as a message."""
    if isinstance(error, APITimeoutError):
        return f"{asked.name} said nothing for {asked.patience:g} s; {asked.when_slow}, {asked.again}"
    if isinstance(error, APIConnectionError):
        reason = one_line(str(error.__cause__ or error), 160) or type(error.__cause__).__name__
        return (
            f"{asked.name} cannot be reached, or hung up: {reason}; start the server or correct its URL, {asked.again}"
        )
    if not isinstance(error, APIStatusError):
        return f"{asked.name} failed: {one_line(str(error), 200)}; look at the server's log, {asked.again}"
    told = f"{asked.name} answered with status {error.status_code}: {one_line(_message(error), 200)}"
    return told + _remedy(asked, error)


def _remedy(asked: AskedServer, error: APIStatusError) -> str:
    status = error.status_code
    if status in _KEY:
        return "; put a key that is valid there into OPENAI_API_KEY"
    if status == _MISSING:
        there = f", and that '{one_line(asked.model)}' is one of its models" if asked.model else ""
        return f"; check that the URL is right, as a rule with /v1 at its end{there}"
    if status == _BUSY:
        wait = one_line(error.response.headers.get("retry-after", ""), 40)
        return f"; wait{f' {wait} s' if wait.isdecimal() else ''}, {asked.again}"
    if status in _REFUSED:
        return f"; {asked.when_refused}, or choose another model"
    often = f", {asked.tries} times in a row" if asked.tries > 1 and status >= _BROKEN else ""
    return f"{often}; look at the server's log, {asked.again}"


def _message(error: APIStatusError) -> str:
    body = error.body
    told = body.get("message") if isinstance(body, dict) else body
    return told if isinstance(told, str) and told.strip() else error.response.reason_phrase or "no reason given"
