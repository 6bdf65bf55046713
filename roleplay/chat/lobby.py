"""Where chats are begun: the characters in reach, and what is kept of them.

A screen is drawn before anything is read, so whatever takes time to import is imported where it is used.
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from roleplay.chat.manner import Manner
from roleplay.errors import NotFound, UsageError
from roleplay.paths import Home
from roleplay.text import one_line

if TYPE_CHECKING:
    from roleplay.cards.load import CardFile
    from roleplay.chat.process import AnswerProcess
    from roleplay.chat.roster import Entry
    from roleplay.chat.store import ChatStore
    from roleplay.chat.talk import Talk


class Lobby:
    """The home, and how every chat of this run of the program is held; threads may share it."""

    def __init__(
        self,
        home: Home,
        manner: Manner,
        *,
        save: bool = True,
        answers: "Callable[[CardFile], AnswerProcess] | None" = None,
    ) -> None:
        self.home, self.manner, self.save, self.answers = home, manner, save, answers
        self._lock = threading.Lock()
        self._store: ChatStore | None = None

    def store(self) -> "ChatStore | None":
        """The conversations; `None` where nothing is to be kept. Raises StorageError."""
        from roleplay.chat.store import ChatStore

        with self._lock:
            if self.save and self._store is None:
                self._store = ChatStore(self.home.chats)
            return self._store

    def entries(self) -> "list[Entry]":
        """The characters in reach, with their conversations. Raises StorageError."""
        from roleplay.chat.roster import roster

        return roster(self.home, self.store())

    def begin(self, name: str | None, *, resume: bool) -> "tuple[CardFile, int | None]":
        """The card called `name`, and the conversation to go on in if that is wanted.

        Without a name it is the character talked to last. Raises RoleplayError.
        """
        from roleplay.cards.find import open_card
        from roleplay.cards.model import TEMPLATE_DEFAULT
        from roleplay.cards.prompt import switch

        card_file = open_card(name, self.home) if name is not None else None
        chat = None
        if resume:
            store = self.store()
            if store is None:
                raise UsageError("without saving there is no conversation to resume; leave out --no-save or --resume")
            chats = store.chats(card_file.card.name if card_file is not None else None)
            if not chats:
                whose = "" if name is None else f" with {one_line(name)}"
                raise NotFound(f"there is no conversation{whose} to resume yet; begin one without --resume")
            chat = chats[0].id
            card_file = card_file or open_card(chats[0].character, self.home)
        if card_file is None:
            raise UsageError("who is to answer? give a name from 'roleplay cards list'")
        # The base's template may add one more switch; all others are known before anything is loaded.
        switch(card_file.card.switches, (), {id_: on for id_, on in self.manner.switches if id_ != TEMPLATE_DEFAULT})
        return card_file, chat

    def open(self, name: str | None, chat: int | None = None, *, resume: bool = False) -> "Talk":
        """A character ready for talking, in conversation number `chat`, the one talked in last, or a new one.

        Its model is not loaded yet. Raises RoleplayError.
        """
        from roleplay.chat.talk import Talk

        card_file, newest = self.begin(name, resume=resume)
        answers = self.answers(card_file) if self.answers is not None else None
        talk = Talk(card_file, self.manner, self.home, self.store(), answers)
        chat = newest if chat is None else chat
        if chat is not None:
            talk.resume(chat)
        return talk

    def close(self) -> None:
        """Close the file of conversations."""
        with self._lock:
            if self._store is not None:
                self._store.close()
                self._store = None
