"""What passes between a chat and the process that answers: one JSON object a line, named by its type."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from roleplay.cards.model import Prefix
from roleplay.chat.inspection import LookUp, Sent, Weigh, Weighed
from roleplay.chat.question import Asked, Question
from roleplay.generation.events import Finished, Piece
from roleplay.generation.lanes import Lane


@dataclass(frozen=True)
class Opening:
    """Asks the process to load a character; its first line."""

    card: Path
    """File of the card."""
    home: Path
    """Root of the home."""
    base: str | None = None
    """The typed base; `None` leaves the choice to adapter and card."""
    run: str | None = None
    """The run whose adapter is wanted; `None` takes the newest."""
    which: str = "best"
    """`best`, `last`, or `epoch-N` where that was kept."""
    trust_remote_code: bool = False
    """Whether the base's own code may run."""
    quant: str | None = None
    """How the base is kept in memory, `none`, `int8` or `nf4`; `None` keeps it as the adapter's run did."""
    device: str = "auto"
    """`auto`, `cpu` or `cuda`."""
    dtype: str | None = None
    """Precision of the weights; `None` is the device's."""
    compile: bool = False
    """Whether generation is compiled, with a static cache."""


@dataclass(frozen=True)
class Stage:
    """What is being loaded."""

    text: str
    """A few words."""
    step: int
    """How much came before, out of `steps`."""
    steps: int
    """Stages in all."""


@dataclass(frozen=True)
class Ready:
    """The character can answer."""

    base: str
    """Name of the base."""
    identity: str
    """The base with its revision, or the beginning of its weights' fingerprint."""
    context: int | None
    """Tokens the base was made for; `None` where a server does not tell."""
    adapter: str | None
    """`character/run@step`; `None` where the base answers alone."""
    notice: str
    """What the person should know; else empty."""
    prefixes: tuple[Prefix, ...]
    """All switches, the template's own included."""
    has_base: bool = True
    """Whether the base answers without the adapter, too; a server may have the character alone."""


@dataclass(frozen=True)
class Stop:
    """Asks to stop a reply."""

    lane: Lane | None
    """Which; `None` for all."""


@dataclass(frozen=True)
class Answered:
    """All that was asked for has been told."""


@dataclass(frozen=True)
class Failed:
    """What was asked last did not come about."""

    error: str
    """Name of a class in `roleplay.errors`."""
    text: str
    """Its message."""


Request = Question | LookUp | Weigh
"""What the process is asked, one after the other; each is answered by messages, then Answered or Failed."""
Told = Asked | Piece | Finished | Sent | Weighed
"""What it tells in between."""
Message = Opening | Question | LookUp | Weigh | Stop | Stage | Ready | Told | Answered | Failed
_TYPES = {kind.__name__: kind for kind in Message.__args__}


def encode(message: Message) -> bytes:
    """One line."""
    kind = type(message).__name__
    return (
        json.dumps(
            {kind: _adapter(kind).dump_python(message, mode="json", by_alias=True, exclude_defaults=True)}
        ).encode()
        + b"\n"
    )


def decode(line: bytes) -> Message:
    """The message on a line. Raises ValueError for anything else."""
    try:
        ((kind, value),) = json.loads(line).items()
        message: Message = _adapter(kind).validate_python(value)
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"not a message: {line[:200]!r}") from error
    return message


@functools.cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(_TYPES[kind])
