"""A chat model behind a server that speaks the OpenAI chat API: Ollama, vLLM, llama.cpp, hosted ones."""

from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from openai import APIError, BadRequestError, OpenAI, UnprocessableEntityError
from pydantic import BaseModel, Field, ValidationError

from roleplay.authoring.asking import Answer, Prompt
from roleplay.errors import PromptRefused, ServerError, UsageError
from roleplay.server_trouble import AskedServer, trouble
from roleplay.text import clean, one_line

RETRIES = 5
"""After the first try, for 408, 409, 429, 5xx, hang-ups and timeouts; waits double up to 8 s or follow Retry-After."""


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Completion(BaseModel):
    """https://platform.openai.com/docs/api-reference/chat/object, as far as it is used."""

    choices: Annotated[list[_Choice], Field(min_length=1)]
    usage: _Usage | None = None


class _Model(BaseModel):
    id: str


class _Models(BaseModel):
    data: list[_Model]


Shape = TypeVar("Shape", bound=BaseModel)


class ServerModel:
    """One model of one server."""

    def __init__(
        self, url: str, model: str | None, *, key: str | None, retries: int = RETRIES, timeout: float = 600.0
    ) -> None:
        self.url = server_url(url)
        self._shown = _without_login(self.url)
        self._retries, self._timeout = retries, timeout
        self._client = OpenAI(
            base_url=self.url, api_key=_checked_key(key) or "none", max_retries=retries, timeout=timeout
        )
        if model is not None and (clean(model) != model or not model.strip()):
            raise UsageError(f"'{one_line(model)}' is no model's name; write it as the server lists it")
        self._limit = "max_tokens"
        self._unwanted: set[str] = set()
        self.model = model or ""
        if model is None:
            self.model = self._only_model()

    @property
    def name(self) -> str:
        """Model and server."""
        return f"{self.model} at {self._shown}"

    def answer(self, prompt: Prompt) -> Answer:
        """Ask once, with the library's retries. Raises PromptRefused or ServerError."""
        create: Any = self._client.chat.completions.with_raw_response.create
        messages = [{"role": turn.role, "content": turn.text} for turn in prompt.messages]
        while True:
            settings = {self._limit: prompt.max_tokens, "temperature": prompt.temperature, "seed": prompt.seed}
            wanted = {name: value for name, value in settings.items() if name not in self._unwanted}
            try:
                got = create(model=self.model, messages=messages, **wanted)
                break
            except (BadRequestError, UnprocessableEntityError) as error:
                if not self._do_without(error.param):
                    raise PromptRefused(self._trouble(error)) from error
            except APIError as error:
                raise ServerError(self._trouble(error)) from error
        completion = self._read(got.http_response, _Completion)
        choice, usage = completion.choices[0], completion.usage or _Usage()
        stopped = "length" if choice.finish_reason == "length" else "end"
        text = clean(choice.message.content or "").strip()
        return Answer(text, stopped, usage.prompt_tokens, usage.completion_tokens)

    def _do_without(self, setting: str | None) -> bool:
        """Leave out or rename a setting that this model does not take: models that reason refuse some."""
        if setting == "max_tokens" and self._limit == setting:
            self._limit = "max_completion_tokens"
        elif setting in ("temperature", "seed") and setting not in self._unwanted:
            self._unwanted.add(setting)
        else:
            return False
        return True

    def _only_model(self) -> str:
        try:
            got = self._client.models.with_raw_response.list()
        except APIError as error:
            raise ServerError(self._trouble(error)) from error
        names = [model.id for model in self._read(got.http_response, _Models).data]
        if len(names) == 1:
            return names[0]
        listed = ", ".join(one_line(name) for name in names[:20]) or "it names none"
        raise UsageError(f"{self._shown} serves {len(names)} models; choose one with --model: {listed}")

    def _read(self, response: Any, shape: type[Shape]) -> Shape:
        text = response.text
        try:
            return shape.model_validate_json(text)
        except ValidationError as error:
            raise ServerError(
                f"{self._shown} answered with status {response.status_code} and what the OpenAI API does not know "
                f"(seen: {one_line(text) or 'nothing'}); check that the URL is that of such an API, which mostly ends "
                "in /v1, and look at the server's log"
            ) from error

    def _trouble(self, error: APIError) -> str:
        asked = AskedServer(
            self._shown,
            self.model,
            self._timeout,
            when_slow="raise --timeout",
            when_refused="shorten it with --passage or --max-tokens",
            again="then run the same command again: what was answered is kept",
            tries=self._retries + 1,
        )
        return trouble(asked, error)


def server_url(text: str) -> str:
    """A base URL as the library wants it: with `/v1` where a person left the path out. Raises UsageError."""
    parts = urlsplit(text.strip())
    try:
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        valid = False
    if not valid or clean(text) != text or " " in text.strip():
        raise UsageError(
            f"'{one_line(text)}' is no server; write a URL such as http://localhost:11434/v1, or local:BASE for a base "
            "loaded here"
        )
    return parts._replace(path=parts.path.rstrip("/") or "/v1", query="", fragment="").geturl()


def _without_login(url: str) -> str:
    """The URL as it may be shown and kept: a password in it is not."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _checked_key(key: str | None) -> str:
    key = (key or "").strip()
    if not (key.isascii() and key.isprintable()):
        raise UsageError("the key in the environment holds characters that no key has; copy it again")
    return key
