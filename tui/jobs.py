"""What blocks, to be run in threads: each posts what came of it, and touches no widget."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.message import Message

from roleplay.errors import RoleplayError
from tui.messages import Loaded, LoadingFailed, Opened, OpeningFailed, Refused, ReplyEnded, Resumed, Told

if TYPE_CHECKING:
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
    problem = ""
    try:
        if text is not None:
            talk.say(text)
        for heard in talk.answer():
            post(Told(reply, heard))
    except RoleplayError as error:
        problem = str(error)
    post(ReplyEnded(reply, problem))


def resume(post: Post, talk: "Talk", chat: int) -> None:
    """Go on in a kept conversation."""
    try:
        talk.resume(chat)
    except RoleplayError as error:
        post(Refused(str(error)))
    else:
        post(Resumed())
