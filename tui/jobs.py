"""What blocks, to be run in threads: each posts what came of it, and touches no widget."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from textual.message import Message

from roleplay.errors import RoleplayError
from tui.messages import (
    ChatsRead,
    Loaded,
    LoadingFailed,
    Opened,
    OpeningFailed,
    Refused,
    ReplyEnded,
    Resumed,
    RosterRead,
    Told,
)

if TYPE_CHECKING:
    from roleplay.chat.question import Heard
    from roleplay.chat.talk import Talk

Post = Callable[[Message], object]
"""`post_message` of the screen that draws."""


def open_talk(post: Post, open_: "Callable[[], Talk]") -> None:
    """Read the card."""
    try:
        post(Opened(open_()))
    except RoleplayError as error:
        post(OpeningFailed(error))


def load(post: Post, talk: "Talk") -> None:
    """Load the model."""
    try:
        ready = talk.load()
    except RoleplayError as error:
        post(LoadingFailed(str(error)))
    else:
        if ready is not None:
            post(Loaded(ready))


def answer(post: Post, talk: "Talk", reply: int, text: str | None) -> None:
    """Say `text`, and hear reply number `reply`; without a text the last message is answered anew."""

    def heard() -> "Iterable[Heard]":
        if text is not None:
            talk.say(text)
        yield from talk.answer()

    _hear(post, reply, heard)


def go_on(post: Post, talk: "Talk", reply: int) -> None:
    """Hear the rest of the last reply, which was cut."""
    _hear(post, reply, talk.go_on)


def resume(post: Post, talk: "Talk", chat: int) -> None:
    """Go on in a kept conversation."""
    try:
        talk.resume(chat)
    except RoleplayError as error:
        post(Refused(str(error)))
    else:
        post(Resumed())


def read_chats(post: Post, talk: "Talk") -> None:
    """Look up the kept conversations with this character."""
    if talk.store is not None:
        try:
            post(ChatsRead(talk.store.chats(talk.card.name)))
        except RoleplayError as error:
            post(Refused(str(error)))


def read_characters(post: Post, talk: "Talk") -> None:
    """Look up the characters in reach."""
    from roleplay.chat.roster import roster

    try:
        post(RosterRead(roster(talk.home, talk.store)))
    except RoleplayError as error:
        post(Refused(str(error)))


def _hear(post: Post, reply: int, heard: "Callable[[], Iterable[Heard]]") -> None:
    problem = ""
    try:
        for one in heard():
            post(Told(reply, one))
    except RoleplayError as error:
        problem = str(error)
    post(ReplyEnded(reply, problem))
