"""What a status line shows of a chat."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figures:
    """What a status line shows."""

    base: str | None = None
    """Name of the base; `None` until it is loaded."""
    adapter: str | None = None
    """`character/run@step`; `None` where the base answers alone."""
    tokens_per_second: float | None = None
    """Of the newest reply; `None` before its first token."""
    used: int | None = None
    """Tokens of the context that the conversation's lane has taken; `None` while nobody here has counted them."""
    context: int | None = None
    """Tokens that the base was made for; `None` where a server does not tell."""
    left_out: int = 0
    """Turns at the beginning that the context has no room for any more."""
