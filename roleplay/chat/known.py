"""What came to mind for a reply, and where it stands."""

import contextlib
from typing import TYPE_CHECKING

from roleplay.chat.wishes import Wish
from roleplay.knowledge.passage import Passage, Recalled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from roleplay.chat.said import Said
    from roleplay.chat.talk import Talk
    from roleplay.knowledge.search import Index


def known_for(talk: "Talk", reply: "Said | None") -> list[Recalled]:
    """The passages of `reply`, then those that are pinned or excluded besides. Raises StorageError.

    Entries of the card's book that are there for a wish alone tell no tokens: nobody has counted them.
    """
    from roleplay.knowledge.memory import book_of

    recalled = list(reply.recalled) if reply is not None else []
    there = {one.passage.identity for one in recalled}
    settings, book = talk.session.settings, book_of(talk.session.pinned or talk.card)
    with _index(talk) as index:
        wishes: tuple[tuple[Wish, tuple[str, ...]], ...]
        wishes = (("pinned", settings.pinned), ("excluded", settings.excluded))
        for wish, identities in wishes:
            missing = [identity for identity in identities if identity not in there]
            if index is not None and missing:
                recalled += [Recalled(passage, wish) for passage in index.by_identity(missing)]
            if book is not None and missing:
                recalled += [Recalled(entry.as_passage(lambda text: 0), wish) for entry in book.by_identity(missing)]
    return recalled


def around(talk: "Talk", passage: Passage, reach: int = 2) -> list[Passage]:
    """`passage` among its neighbours in its file, as far as they are known. Raises StorageError."""
    with _index(talk) as index:
        return [passage] if index is None else index.around(passage, reach)


@contextlib.contextmanager
def _index(talk: "Talk") -> "Iterator[Index | None]":
    path = talk.home.knowledge_of(talk.card.name)
    if not path.is_file():
        yield None
        return
    from roleplay.knowledge.search import Index

    with Index(path) as index:
        yield index
