"""What a client is told instead of an answer, in the shape of the OpenAI API."""

from dataclasses import dataclass, field

from starlette.responses import JSONResponse


@dataclass
class Refusal(Exception):
    """A request that is not answered.

    https://platform.openai.com/docs/guides/error-codes
    """

    status: int
    """Of HTTP."""
    message: str
    """What is wrong and what to do; never a value that could hold what somebody said."""
    param: str | None = None
    """The field that is meant, such as `messages.0.role`."""
    code: str | None = None
    """What programs tell it by."""
    headers: dict[str, str] = field(default_factory=dict)
    """Sent along."""

    @property
    def body(self) -> dict[str, dict[str, str | None]]:
        """As JSON."""
        kind = "server_error" if self.status >= _OURS else _KINDS.get(self.status, "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def response(self) -> JSONResponse:
        """As an answer."""
        return JSONResponse(self.body, self.status, self.headers)


GONE = 499
"""Status of an answer that nobody receives."""
_OURS = 500
"""From here on the server is to blame."""
_KINDS = {401: "authentication_error", 429: "rate_limit_error"}
