"""A conversation between memory and the store: what is new or changed is kept, in order."""

import contextlib
import time
from typing import TYPE_CHECKING

from roleplay.chat.said import Said
from roleplay.chat.settings import ChatSettings, read_settings
from roleplay.chat.store import ChatStore, Pin
from roleplay.chat.tree import Tree, ancestors
from roleplay.errors import StorageError

if TYPE_CHECKING:
    from roleplay.chat.conversation import Conversation

_DRAFT_SECONDS = 1.0
"""A reply in progress is kept this often, so that a crash costs no more."""


class Keeper:
    """Keeps one conversation; without a store it keeps nothing."""

    def __init__(self, store: ChatStore | None) -> None:
        self.store = store
        self.chat: int | None = None
        """Number of the conversation; `None` until the person has said something."""
        self.settings = ChatSettings()
        """As the store has them."""
        self.pin: Pin | None = None
        """As the store has it."""
        self.base: str | None = None
        """The base that answers, with its revision; `None` before it is loaded."""
        self.adapter: str | None = None
        """The adapter that answers; `None` where there is none."""
        self._head: int | None = None
        self._drafted = 0.0

    def save(self, conversation: "Conversation") -> None:
        """Keep what is not kept yet. Raises StorageError; it is tried again by the next call."""
        tree = conversation.tree
        if self.store is None or not any(said.role == "user" for said in tree.turns):
            return
        if self.chat is None:
            self.pin = conversation.pin(self.base, self.adapter)
            self.chat = self.store.new_chat(conversation.card.name, self.pin)
        shown = {id(said) for said in ancestors(tree.head)}
        followed = {id(said.parent) for said in tree.turns}
        for said in tree.turns:
            greets = said.parent is None and said.role == "assistant"
            if not said.wordless and not (greets and id(said) not in shown | followed):
                self._keep(self.store, self.chat, said, head=id(said) in shown)
        head = tree.head
        while head is not None and head.id is None:  # a reply without a word so far
            head = head.parent
        if (number := head.id if head is not None else None) != self._head:
            self.store.move_head(self.chat, number)
            self._head = number
        self._keep_manner(self.store, self.chat, conversation)

    def save_quietly(self, conversation: "Conversation") -> None:
        """`save` where a failure is told later, by a `save` that is not quiet."""
        with contextlib.suppress(StorageError):
            self.save(conversation)

    def draft(self, conversation: "Conversation") -> None:
        """Keep a reply in progress, if that was not done just now."""
        if time.monotonic() - self._drafted > _DRAFT_SECONDS:
            self.save_quietly(conversation)
            self._drafted = time.monotonic()

    def read(self, chat: int) -> Tree:
        """The tree of a kept conversation. Raises StorageError."""
        if self.store is None:
            raise StorageError("this chat is not kept, so there is none to resume; start it without --no-save")
        tree, by_number = Tree(), dict[int | None, Said]()
        for turn in self.store.turns(chat):
            said = Said(turn.role, turn.text, turn.lane, turn.prefixes, turn.stopped, by_number.get(turn.parent))
            said.beside, said.taken, said.deleted = turn.beside, turn.taken, turn.deleted
            said.origin, said.drawn, said.id, said.kept = by_number.get(turn.origin), turn.drawn, turn.id, said.state
            by_number[turn.id] = said
            tree.add(said, said.parent)
        self.chat, self._head = chat, self.store.head(chat)
        tree.head = by_number.get(self._head)
        self.settings, self.pin = read_settings(self.store.settings(chat)), self.store.pinned(chat)
        return tree

    def _keep(self, store: ChatStore, chat: int, said: Said, *, head: bool) -> None:
        if said.id is None:
            parent = said.parent.id if said.parent is not None else None
            if said.parent is not None and parent is None:
                return  # what it follows is not kept, and comes first
            said.id = store.add(
                chat,
                parent,
                said.role,
                said.text,
                lane=said.lane,
                prefixes=said.prefixes,
                stopped=said.stopped,
                beside=said.beside,
                origin=said.origin.id if said.origin is not None else None,
                drawn=said.drawn,
                head=head,
            )
            self._head = said.id if head else self._head
        elif said.kept is not None and said.kept != said.state:
            if said.kept[:2] != said.state[:2]:
                store.rewrite(said.id, said.text, said.stopped)
            if said.kept[2:] != said.state[2:]:
                store.mark(said.id, beside=said.beside, taken=said.taken, deleted=said.deleted)
        said.kept = said.state

    def _keep_manner(self, store: ChatStore, chat: int, conversation: "Conversation") -> None:
        settings = conversation.settings.changed(prefixes=tuple(conversation.active))
        if settings != self.settings:
            store.keep_settings(chat, settings.model_dump_json())
            self.settings = settings
        if self.pin is None or (
            self.base is not None and (self.pin.base, self.pin.adapter) != (self.base, self.adapter)
        ):
            self.pin = conversation.pin(self.base, self.adapter)
            store.pin(chat, self.pin)
