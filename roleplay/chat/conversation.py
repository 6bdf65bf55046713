"""One conversation: its turns, the prefixes that are on, and the person's ways through it."""

from collections.abc import Mapping, Sequence

from roleplay.cards.model import TEMPLATE_DEFAULT, Card, Prefix
from roleplay.cards.prompt import default_prefixes, fill, switch
from roleplay.chat.keeping import Keeper
from roleplay.chat.pinned import card_of
from roleplay.chat.said import Exchange, Said
from roleplay.chat.settings import ChatSettings
from roleplay.chat.steps import Steps
from roleplay.chat.store import ChatStore, Pin
from roleplay.chat.tree import Tree
from roleplay.errors import UsageError
from roleplay.text import clean


class Conversation:
    """A tree of turns with one character, kept as it grows; nobody answers here."""

    def __init__(
        self,
        card: Card,
        prefixes: Sequence[Prefix],
        store: ChatStore | None,
        *,
        greet: bool = False,
    ) -> None:
        self.card, self.greet = card, greet
        self._prefixes = tuple(prefixes)
        self.pinned: Card | None = None
        """The card this chat was begun with, where that is not the one that answers were loaded with."""
        self.active = default_prefixes(self.prefixes)
        self.settings = ChatSettings()
        self.tree = Tree()
        self.steps = Steps(self.tree)
        self.keeper = Keeper(store)
        if greet:
            self._greet()

    @property
    def store(self) -> ChatStore | None:
        """Where the conversation is kept."""
        return self.keeper.store

    @property
    def prefixes(self) -> tuple[Prefix, ...]:
        """All switches: the template's own, then those of the card that this chat was begun with."""
        if self.pinned is None:
            return self._prefixes
        return (*(prefix for prefix in self._prefixes if prefix.id == TEMPLATE_DEFAULT), *self.pinned.switches)

    @prefixes.setter
    def prefixes(self, loaded: Sequence[Prefix]) -> None:
        self._prefixes = tuple(loaded)

    @property
    def line(self) -> list[Said]:
        """The conversation from its first turn on."""
        return self.tree.line

    @property
    def exchanges(self) -> list[Exchange]:
        """The conversation as a screen shows it."""
        shown: list[Exchange] = []
        line = self.line
        for i, said in enumerate(line):
            if said.role == "user":
                following = line[i + 1] if i + 1 < len(line) else None
                reply = following if following is not None and following.role == "assistant" else None
                way = (1, 1) if reply is None else self.tree.way(reply)
                shown.append(Exchange(said, reply, tuple(self.beside(said)), self.tree.way(said), way))
            elif i == 0:
                shown.append(Exchange(None, said, (), (1, 1), self.tree.way(said)))
        return shown

    @property
    def waiting(self) -> bool:
        """Whether the person's last turn has no reply yet."""
        return self.tree.head is not None and self.tree.head.role == "user"

    def beside(self, said: Said) -> list[Said]:
        """What lanes for comparison answered to a turn of the person, the newest of each."""
        return self.tree.beside(said)

    def switch(self, changes: Mapping[str, bool]) -> None:
        """Turn prefixes on and off, from the next turn on. Raises UsageError for an unknown id."""
        known = {prefix.id for prefix in self.prefixes}
        unknown = [name for name in self.active if name not in known]  # resumed before the base was loaded
        self.active = [*unknown, *switch(self.prefixes, self.active, changes)]

    def say(self, text: str) -> Said:
        """Take the person's turn into the conversation and keep it."""
        said = Said("user", clean(text).strip())
        self.steps.note(said.text)
        self.tree.head = self.tree.add(said, self.tree.head)
        self.save_quietly()
        return said

    # --- ways through the tree; each can be undone ---

    def swipe(self, said: Said, by: int) -> bool:
        """Go to another way in the place of `said`, and on to where that led; `False` where there is none so far."""
        ways = self.tree.ways(said)
        at = next(i for i, other in enumerate(ways) if other is said) + by
        if not 0 <= at < len(ways):
            return False
        self._go(self.tree.tip(ways[at]))
        return True

    def branch(self, said: Said) -> None:
        """Go on from `said`; what came after it stays another way."""
        self._go(said)

    def edit(self, said: Said, text: str) -> Said:
        """Say `said` otherwise, as another way in its place, which the conversation takes. Raises UsageError."""
        text = clean(text).strip()
        if not text:
            raise UsageError("an empty turn says nothing; delete the turn instead")
        if text == said.text:
            return said
        stopped = "end" if said.lane is not None else None
        edited = Said(said.role, text, said.lane, said.prefixes, stopped, origin=said, drawn=said.drawn)
        edited.recalled = said.recalled
        self._go(self.tree.add(edited, said.parent))
        return edited

    def take(self, said: Said) -> None:
        """Take over what a lane for comparison said as the conversation's own reply."""
        self.steps.note(taken=said)
        said.beside, said.taken = False, True
        self.tree.head = self.tree.tip(said)
        self.save_quietly()

    def delete(self, said: Said) -> int:
        """Take out `said` and all that follows it; returns how many turns went. Another way in its place is shown."""
        ways = [other for other in self.tree.ways(said) if other is not said]
        step = self.steps.note()
        step.hidden = self.tree.delete(said)
        if ways and self.tree.head is said.parent:
            self.tree.head = self.tree.tip(ways[-1])
        self.save_quietly()
        return len(step.hidden)

    def undo(self) -> str | None:
        """Take back the last step; returns what the person had said with it, `None` where nothing was to undo."""
        text = self.steps.undo()
        self.save_quietly()
        return text

    # --- keeping ---

    def resume(self, chat: int) -> None:
        """Show a kept conversation and go on in it, as it was held. Raises StorageError."""
        self.tree = self.keeper.read(chat)
        self.steps = Steps(self.tree)
        self.settings, self.pinned = self.keeper.settings, card_of(self.keeper.pin, self.card)
        if self.greet:
            self._greet()
        known = {TEMPLATE_DEFAULT, *(prefix.id for prefix in self.prefixes)}
        last = next((said for said in reversed(self.line) if said.lane is not None), None)
        active = last.prefixes if self.settings.prefixes is None and last is not None else self.settings.prefixes
        if active is not None:
            self.active = [prefix for prefix in active if prefix in known]
        if self.tree.head is not None and self.tree.head.wordless:
            self.tree.drop(self.tree.head)

    def save(self) -> None:
        """Keep what is not kept yet, in order. Raises StorageError; what is shown stays, and is tried again."""
        self.keeper.save(self)

    def save_quietly(self) -> None:
        """What cannot be kept now is tried again at the end of the reply, and told there."""
        self.keeper.save_quietly(self)

    def pin(self, base: str | None, adapter: str | None) -> Pin:
        """What this chat runs with."""
        return Pin((self.pinned or self.card).model_dump_json(by_alias=True, exclude_defaults=True), base, adapter)

    def _greet(self) -> None:
        """The card's greetings are the ways of the first turn."""
        card = self.pinned or self.card
        there = {said.text for said in self.tree.following(None)}
        texts = [fill(text, card) for text in (card.greeting, *card.alternate_greetings) if text]
        for text in dict.fromkeys(texts):
            if text not in there:
                self.tree.add(Said("assistant", text), None)
        if self.tree.head is None and texts:
            self.tree.head = next(said for said in self.tree.following(None) if said.text == texts[0])

    def _go(self, said: Said) -> None:
        self.steps.note()
        self.tree.head = said
        self.save_quietly()
