"""What panels have done in threads: each posts what came of it, and touches no widget."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from roleplay.errors import RoleplayError
from tui.messages import (
    AdaptersRead,
    AroundRead,
    AsideEnded,
    AsideHeard,
    FoundRead,
    KnownRead,
    LensRead,
    Refused,
    SentRead,
)

if TYPE_CHECKING:
    from textual.message import Message

    from roleplay.chat.lens import Lens
    from roleplay.chat.said import Said
    from roleplay.chat.store import ChatStore
    from roleplay.chat.talk import Talk
    from roleplay.knowledge.passage import Passage

Post = Callable[["Message"], object]
"""`post_message` of the panel that draws."""


def read_sent(post: Post, talk: "Talk") -> None:
    """Look up what each lane was sent."""
    try:
        post(SentRead(talk.sent()))
    except RoleplayError as error:
        post(Refused(str(error)))


def read_known(post: Post, talk: "Talk", reply: "Said | None") -> None:
    """Look up what came to mind for a reply."""
    from roleplay.chat.known import known_for

    try:
        post(KnownRead(known_for(talk, reply)))
    except RoleplayError as error:
        post(Refused(str(error)))


def read_around(post: Post, talk: "Talk", passage: "Passage") -> None:
    """Look up where a passage stands."""
    from roleplay.chat.known import around

    try:
        post(AroundRead(passage, around(talk, passage)))
    except RoleplayError as error:
        post(Refused(str(error)))


def look(post: Post, talk: "Talk", lens: "Lens", reply: "Said") -> None:
    """Look at a reply through the lens."""
    post(LensRead(lens.look(talk, reply)))


def read_adapters(post: Post, talk: "Talk") -> None:
    """List the character's adapters."""
    from roleplay.models.find import adapter_choices

    post(AdaptersRead(adapter_choices(talk.home, talk.card.name)))


def hear_aside(post: Post, talk: "Talk", labels: Sequence[str]) -> None:
    """Hear what these adapters say to the person's last turn."""
    problem = ""
    try:
        for heard in talk.aside(labels):
            post(AsideHeard(heard))
    except RoleplayError as error:
        problem = str(error)
    post(AsideEnded(problem))


def find(post: Post, store: "ChatStore", query: str, character: str | None) -> None:
    """Find turns by their words."""
    from roleplay.chat.search import search

    try:
        post(FoundRead(query, search(store, query, character)))
    except RoleplayError as error:
        post(Refused(str(error)))
