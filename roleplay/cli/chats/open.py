"""What every command on conversations takes, and the file that holds them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from roleplay.chat.store import ChatStore

CHAT = typer.Argument(help="Number of a conversation, as 'roleplay chats list' shows it.", metavar="ID", min=1)


@contextmanager
def kept_chats() -> "Iterator[ChatStore]":
    """The conversations in the home. Raises StorageError."""
    from roleplay.chat.store import ChatStore
    from roleplay.paths import find_home

    store = ChatStore(find_home().chats)
    try:
        yield store
    finally:
        store.close()


def day(when: float) -> str:
    """A time as it is shown, to the minute."""
    return datetime.fromtimestamp(when).astimezone().strftime("%Y-%m-%d %H:%M")
