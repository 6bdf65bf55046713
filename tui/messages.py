"""Everything that is posted to a screen; threads post, handlers draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:  # the first frame waits for none of these
    from roleplay.chat.commands import Command
    from roleplay.chat.inspection import Sent
    from roleplay.chat.lens import Seen
    from roleplay.chat.question import Heard
    from roleplay.chat.roster import Entry
    from roleplay.chat.said import Said
    from roleplay.chat.search import Found
    from roleplay.chat.store import StoredChat
    from roleplay.chat.talk import Talk
    from roleplay.chat.wire import Ready, Stage
    from roleplay.errors import RoleplayError
    from roleplay.knowledge.passage import Passage, Recalled
    from roleplay.models.find import AdapterChoice
    from tui.keymap import Keymap


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


@dataclass
class Commanded(Message):
    """The person wrote a word with a slash."""

    command: Command
    """Which, with what stands behind it."""


@dataclass
class Marked(Message):
    """The person pointed at a turn."""

    said: Said
    """Which."""


@dataclass
class LanesChosen(Message):
    """Other lanes are to answer."""

    lanes: tuple[str, ...]
    """Their names, the conversation's first."""


@dataclass
class HistoryChosen(Message):
    """Lanes are to remember their own replies, or to follow the conversation."""

    own: bool
    """Whether each remembers its own."""


@dataclass
class ChatsRead(Message):
    """The kept conversations with the character are known."""

    chats: list[StoredChat]
    """The one talked in last first."""


@dataclass
class ChatChosen(Message):
    """Another conversation with the same character was chosen."""

    chat: int | None
    """Its number; `None` begins a new one."""


@dataclass
class ViewChosen(Message):
    """Another part of the screen is wanted where there is room for one only."""

    view: str
    """`chat`, `lanes` or `character`."""


@dataclass
class SentRead(Message):
    """What was sent is known."""

    sent: list[Sent]
    """Of each lane of the base."""


@dataclass
class KnownRead(Message):
    """What came to mind for a reply is known."""

    known: list[Recalled]
    """Its passages, then those that are pinned or excluded besides."""


@dataclass
class AroundRead(Message):
    """A passage was looked up where it stands."""

    passage: Passage
    """Which."""
    near: list[Passage]
    """It and its neighbours, in the order of the file."""


@dataclass
class LensRead(Message):
    """Where the words of a reply come from is known."""

    seen: Seen
    """The reply through the lens."""


@dataclass
class AdaptersRead(Message):
    """The adapters of the character are known."""

    choices: list[AdapterChoice]
    """The newest run's first."""


@dataclass
class AsideHeard(Message):
    """Something was heard of what other adapters say."""

    heard: Heard
    """What."""


@dataclass
class AsideEnded(Message):
    """The other adapters have said what they say."""

    problem: str
    """What happened and what to do; empty where all went well."""


@dataclass
class FoundRead(Message):
    """What was looked for in all chats is found."""

    query: str
    """What was looked for."""
    found: list[Found]
    """Turns, the newest first."""


@dataclass
class SettingChanged(Message):
    """A setting of the chat is to have another value."""

    name: str
    """`strength`, or one of sampling."""
    value: str
    """As typed; `card` goes back."""


@dataclass
class FoundChosen(Message):
    """A turn that was found is to be shown where it stands."""

    found: Found
    """Which."""


@dataclass
class KeysRead(Message):
    """The keys of the person's own are known."""

    keymap: Keymap
    """Which."""
