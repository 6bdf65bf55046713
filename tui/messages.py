"""Everything that is posted to a screen; threads post, handlers draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:  # the first frame waits for none of these
    from roleplay.chat.question import Heard
    from roleplay.chat.roster import Entry
    from roleplay.chat.talk import Talk
    from roleplay.chat.wire import Ready, Stage
    from roleplay.errors import RoleplayError


@dataclass
class Opened(Message):
    """A character's card was read; the chat can begin."""

    talk: Talk
    """The chat."""


@dataclass
class OpeningFailed(Message):
    """There is no chat."""

    error: RoleplayError
    """Why."""


@dataclass
class Loading(Message):
    """A part of the model is being loaded."""

    stage: Stage
    """Which."""


@dataclass
class Loaded(Message):
    """The character can answer."""

    ready: Ready
    """What was loaded."""


@dataclass
class LoadingFailed(Message):
    """The character cannot answer."""

    problem: str
    """What happened and what to do."""


@dataclass
class Told(Message):
    """Something was heard of a reply."""

    reply: int
    """Number of the reply; only the newest is drawn."""
    heard: Heard
    """What."""


@dataclass
class ReplyEnded(Message):
    """Nothing more will be heard of a reply."""

    reply: int
    """Number of the reply."""
    problem: str
    """What happened and what to do; empty where all went well."""


@dataclass
class Resumed(Message):
    """A kept conversation is at hand."""


@dataclass
class Refused(Message):
    """Something asked for cannot be had; the chat goes on as it was."""

    problem: str
    """What happened and what to do."""


@dataclass
class RosterRead(Message):
    """The characters in reach are known."""

    entries: list[Entry]
    """All of them, by name."""


@dataclass
class Chosen(Message):
    """A character was chosen, and perhaps one of its conversations."""

    entry: Entry
    """The character."""
    chat: int | None
    """Number of the conversation; `None` begins a new one."""


@dataclass
class Submitted(Message):
    """The person said something."""

    text: str
    """What."""


@dataclass
class Switched(Message):
    """A prefix was switched on or off."""

    prefix: str
    """Its id."""
    on: bool
    """Whether it is on now."""
