"""A request as clients of the OpenAI API write it, checked.

https://platform.openai.com/docs/api-reference/chat/create; `top_k`, `min_p` and `repetition_penalty` are vLLM's.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from roleplay.serve.refusal import Refusal

MESSAGES = 4096
"""Most messages of one request."""
CHOICES = 8
"""Most replies to one request."""
STOPS = 16
"""Most strings that end a reply."""
_STOP = 256
_NEW_TOKENS = 2**20
_SEEDS = 2**63

Tokens = Annotated[int, Field(ge=1, le=_NEW_TOKENS)]
Penalty = Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)]
Stop = Annotated[str, Field(min_length=1, max_length=_STOP)]


class _Part(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class TextPart(_Part):
    """A piece of a message; text is the only kind that is taken."""

    type: Literal["text"]
    """Kind."""
    text: str
    """What it says."""


class Message(_Part):
    """One message."""

    role: Literal["system", "developer", "user", "assistant"]
    """Who says it; `developer` is the newer name of `system`."""
    content: str | list[TextPart]
    """What is said."""

    @property
    def text(self) -> str:
        """All of it as one text."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class StreamOptions(_Part):
    """What a stream tells beside the reply."""

    include_usage: bool = False
    """Whether the counts of tokens come last."""


class ChatRequest(_Part):
    """A request for replies. Settings left out are the card's, else the chat's."""

    model: Annotated[str, Field(min_length=1, max_length=512)]
    """Who answers: `NAME`, `NAME:no-prefix`, or the base."""
    messages: Annotated[list[Message], Field(min_length=1, max_length=MESSAGES)]
    """The conversation; an assistant's message at the end is gone on with."""
    stream: bool | None = None
    """Whether the reply comes as it is made."""
    stream_options: StreamOptions | None = None
    """With `stream`."""
    stop: Stop | Annotated[list[Stop], Field(max_length=STOPS)] | None = None
    """What ends the reply; not part of it."""
    n: Annotated[int, Field(ge=1, le=CHOICES)] | None = None
    """How many replies."""
    seed: Annotated[int, Field(ge=-_SEEDS, lt=_SEEDS)] | None = None
    """Same seed, same reply; drawn if left out. A further choice has the next one."""
    temperature: Annotated[float, Field(ge=0, le=5, allow_inf_nan=False)] | None = None
    """0 always takes the likeliest token."""
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    """Keep the likeliest tokens whose probabilities sum to this."""
    top_k: Annotated[int, Field(ge=-1, le=_NEW_TOKENS)] | None = None
    """Keep this many tokens; 0 and -1 keep all."""
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    """Keep tokens this likely beside the likeliest."""
    repetition_penalty: Annotated[float, Field(gt=0, le=5)] | None = None
    """Above 1 repeats less."""
    presence_penalty: Penalty | None = None
    """Above 0 says less of what the reply holds already."""
    frequency_penalty: Penalty | None = None
    """The same, once for each time."""
    max_tokens: Tokens | None = None
    """Longest reply in tokens; the older name."""
    max_completion_tokens: Tokens | None = None
    """Longest reply in tokens."""

    @property
    def stops(self) -> tuple[str, ...]:
        """What ends the reply."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    @property
    def new_tokens(self) -> int | None:
        """Longest reply in tokens."""
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens


_UNANSWERABLE = ("tools", "functions", "logprobs", "top_logprobs", "logit_bias", "audio", "web_search_options")
"""Fields that would change the answer and that no lane can honour: refused unless they ask for nothing."""
_TEXT_FORM = {"type": "text"}


class _Asked(BaseModel):
    """The fields that are refused; any others are left alone, as clients send their own."""

    model_config = ConfigDict(extra="allow")
    response_format: Any = None


def read_request(body: bytes) -> ChatRequest:
    """Raises Refusal with the first fault, by its place."""
    try:
        asked = _Asked.model_validate_json(body)
        extra = asked.model_extra or {}
        for name in _UNANSWERABLE:
            if extra.get(name):
                raise Refusal(400, f"'{name}' is not supported here; leave it out", name, "unsupported_parameter")
        if asked.response_format not in (None, _TEXT_FORM):
            raise Refusal(
                400, "only text is answered; leave 'response_format' out", "response_format", "unsupported_parameter"
            )
        return ChatRequest.model_validate_json(body)
    except ValidationError as error:
        raise _refusal(error) from None  # the error quotes what was sent


def _refusal(error: ValidationError) -> Refusal:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    kind, told = first["type"], first["msg"]
    if kind == "json_invalid":
        return Refusal(400, "the body is no JSON: check quotes, commas and its encoding, which is UTF-8", None, None)
    loc = [part for part in first["loc"] if isinstance(part, int) or part in _KNOWN]
    where = ".".join(map(str, loc)) or None
    if kind == "missing":
        return Refusal(400, f"'{where}' is missing", where, "missing_required_parameter")
    if where is not None and where.endswith((".content", ".type")):
        told = "only text is taken"
    if where == "stop":  # of its two forms, each tells its own fault
        told = f"give a string of 1 to {_STOP} characters, or a list of up to {STOPS}"
    if where is None:
        told = "the body must be an object"
    return Refusal(400, f"{where or 'body'}: {told[:1].lower()}{told[1:]}", where, "invalid_value")


_KNOWN = {name for model in (ChatRequest, Message, TextPart, StreamOptions) for name in model.model_fields}
"""Names that may be told: a place can hold words of the client's own."""
