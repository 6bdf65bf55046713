"""One reply of a model behind a server that speaks the OpenAI chat API, as it comes: Ollama, vLLM, llama.cpp."""

import asyncio
import os
import re
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any

from openai import (
    APIError,
    APIStatusError,
    AsyncOpenAI,
    AsyncStream,
    BadRequestError,
    InternalServerError,
    Timeout,
    UnprocessableEntityError,
)
from pydantic import BaseModel, ValidationError

from roleplay.cards.model import Card
from roleplay.cards.prompt import assemble
from roleplay.chat.question import Ask, Asked, Heard, Unanswered
from roleplay.chat.remotes import Remote
from roleplay.errors import ServerError
from roleplay.generation.events import Finished, Piece
from roleplay.generation.settings import Sampling
from roleplay.knowledge.passage import Recalled
from roleplay.knowledge.recall import as_told
from roleplay.server_trouble import AskedServer, trouble
from roleplay.text import clean

PATIENCE = 300.0
"""Seconds that a server may be silent; a large model on a small machine takes long to its first word."""
_CONNECTING = 10.0
_SEEDS = 2**31
"""Seeds are below this: some servers keep them in 32 bits."""
_BEYOND = ("top_k", "min_p", "repetition_penalty")
"""Settings that OpenAI's own API lacks, as vLLM and `roleplay serve` call them."""
_GO_ON = {"continue_final_message": True, "add_generation_prompt": False}
"""Lets vLLM go on with a last message that is the model's own; `roleplay serve` does so anyway."""


class _Delta(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Usage(BaseModel):
    completion_tokens: int = 0


class _Chunk(BaseModel):
    """https://platform.openai.com/docs/api-reference/chat-streaming, as far as it is used."""

    choices: list[_Choice]
    usage: _Usage | None = None


class RemoteModel:
    """One model of one server; it remembers which settings it was refused.

    `beyond` says whether it is sent what OpenAI's own API, or a simple server, lacks.
    """

    def __init__(self, remote: Remote, *, patience: float = PATIENCE, beyond: bool = False) -> None:
        self.remote, self.patience, self.beyond = remote, patience, beyond
        self._limit = "max_tokens"
        self._unwanted: set[str] = set()
        self._folds = False

    async def answer(
        self,
        ask: Ask,
        card: Card,
        sampling: Sampling,
        tell: Callable[[Heard], object],
        recalled: Sequence[Recalled] = (),
    ) -> None:
        """Tell the reply piece by piece, or why there is none. Cancelling ends it in order and hangs up."""
        known = {prefix.id for prefix in card.switches}
        tell(Asked(ask.lane, tuple(name for name in ask.prefixes if name in known), 0, (), tuple(recalled)))
        begun, text, tokens, stopped = time.monotonic(), ask.said, 0, "end"
        passages = [as_told(one.passage) for one in recalled]
        turns = assemble(card, card.switches, ask.prefixes, ask.turns, passages)
        messages = [{"role": turn.role, "content": turn.text} for turn in turns]
        if ask.said:
            messages.append({"role": "assistant", "content": ask.said})
        try:
            async with aclosing(self._chunks(messages, sampling)) as chunks:
                async for chunk in chunks:
                    said, stopped = _said(chunk), _stopped(chunk) or stopped
                    tokens = chunk.usage.completion_tokens if chunk.usage is not None else tokens + bool(said)
                    if said:
                        text += said
                        tell(Piece(ask.lane, said, tokens, time.monotonic() - begun))
        except asyncio.CancelledError:
            stopped = "cancelled"
        except ServerError as error:
            tell(Unanswered(ask.lane, str(error)))
            return
        tell(Finished(ask.lane, text, tokens, stopped, time.monotonic() - begun))

    async def _chunks(self, messages: list[dict[str, str]], sampling: Sampling) -> AsyncGenerator[_Chunk]:
        """What the server sends, up to its end. Raises ServerError where it breaks off before that, too."""
        ended = said = False
        try:
            async with (
                open_client(self.remote.url, self.patience) as client,
                await self._asked(client, messages, sampling) as stream,
            ):
                async for value in stream:
                    chunk = _Chunk.model_validate(value)
                    ended, said = ended or _stopped(chunk) is not None, True
                    yield chunk
        except APIError as error:
            raise ServerError(trouble(self._server, error)) from error
        except (ValidationError, ValueError) as error:
            raise ServerError(
                f"{self.remote.name} said what the OpenAI API does not know; look at the server's log"
            ) from error
        if not ended:
            raise ServerError(
                f"{self.remote.name} broke off in the middle of its reply; look at the server's log, and ask again"
                if said
                else f"{self.remote.name} answered with nothing of the OpenAI API; check that the URL is that of such "
                "an API, which mostly ends in /v1"
            )

    async def _asked(
        self, client: AsyncOpenAI, messages: list[dict[str, str]], sampling: Sampling
    ) -> AsyncStream[object]:
        """The reply under way; asked again without a setting that this model does not take."""
        while True:
            settings: dict[str, Any] = {
                self._limit: sampling.max_new_tokens,
                "temperature": sampling.temperature,
                "top_p": sampling.top_p,
                "seed": sampling.seed % _SEEDS,
            }
            if self.beyond:
                settings |= {name: getattr(sampling, name) for name in _BEYOND}
                settings["stream_options"] = {"include_usage": True}  # else tokens are counted by pieces
            wanted = {name: value for name, value in settings.items() if name not in self._unwanted}
            sent = _folded(messages) if self._folds else messages
            on = _GO_ON if messages[-1]["role"] == "assistant" else {}
            body = {"model": self.remote.model, "messages": sent, "stream": True, **wanted, **on}
            try:
                # Untyped, since servers send what the library's own types do not check.
                return await client.post(
                    "/chat/completions", cast_to=object, body=body, stream=True, stream_cls=AsyncStream[object]
                )
            except (BadRequestError, UnprocessableEntityError, InternalServerError) as error:
                if any(_refuses(error, name) for name in on):
                    raise ServerError(
                        f"{self.remote.name} cannot go on with a reply that was cut; Ctrl+R draws it anew"
                    ) from error
                if not self._do_without(error, wanted) and not self._fold(messages):
                    self._folds = False  # that was not the reason
                    raise

    @property
    def _server(self) -> AskedServer:
        return AskedServer(
            self.remote.name,
            self.remote.model,
            self.patience,
            when_slow="look whether the server is busy",
            when_refused="begin a new chat if this one is too long for it",
            again="and ask again",
        )

    def _fold(self, messages: list[dict[str, str]]) -> bool:
        """Put the greeting into the person's first message from now on: some templates refuse one, as some here do."""
        worth = not self._folds and _folded(messages) != messages
        self._folds = self._folds or worth
        return worth

    def _do_without(self, error: APIStatusError, wanted: dict[str, Any]) -> bool:
        """Leave out or rename the setting that was refused: models that reason take few of them."""
        named = [name for name in wanted if _refuses(error, name)]
        if not named:
            return False
        if named[0] == "max_tokens":
            self._limit = "max_completion_tokens"
        else:
            self._unwanted.add(named[0])
        return True


def open_client(url: str, patience: float) -> AsyncOpenAI:
    """The library's client, with the key of the environment. Raises ServerError for what is no key."""
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ServerError("OPENAI_API_KEY holds characters that no key has; copy it again")
    timeout = Timeout(patience, connect=min(patience, _CONNECTING))
    return AsyncOpenAI(base_url=url, api_key=key or "none", max_retries=0, timeout=timeout)


def _refuses(error: APIStatusError, name: str) -> bool:
    """Whether it is the field `name` that a server does not take; an error without a field may quote it."""
    if error.param:
        return name == error.param
    # "_" makes it no word of English; the others are quoted where the field is meant.
    return f"'{name}'" in str(error) or (name in (*_BEYOND, *_GO_ON) and bool(re.search(rf"\b{name}\b", str(error))))


def _folded(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    at = next((i for i, message in enumerate(messages) if message["role"] != "system"), 0)
    if len(messages) < at + 2 or messages[at]["role"] == "user":
        return messages
    both = f"{messages[at]['content']}\n\n{messages[at + 1]['content']}"
    return [*messages[:at], {"role": "user", "content": both}, *messages[at + 2 :]]


def _said(chunk: _Chunk) -> str:
    return "".join(clean(choice.delta.content or "") for choice in chunk.choices[:1] if choice.delta is not None)


def _stopped(chunk: _Chunk) -> str | None:
    """How the reply ended; `None` while it goes on."""
    reason = next((choice.finish_reason for choice in chunk.choices), None)
    return None if reason is None else "length" if reason == "length" else "end"
