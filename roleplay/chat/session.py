"""One conversation: its turns, the prefixes that are on, and how replies join it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace

from roleplay.cards.model import TEMPLATE_DEFAULT, Card, Prefix
from roleplay.cards.prompt import default_prefixes, fill, switch
from roleplay.chat.history import history
from roleplay.chat.keeping import Keeper
from roleplay.chat.pinned import card_of
from roleplay.chat.question import Answers, Ask, Asked, Heard, Question, Unanswered
from roleplay.chat.said import Exchange, Said
from roleplay.chat.settings import ChatSettings
from roleplay.chat.steps import Steps
from roleplay.chat.store import ChatStore, Pin
from roleplay.chat.tree import Tree
from roleplay.dialogue import Turn
from roleplay.errors import ContextFull, UsageError
from roleplay.generation.events import Cancel, Piece
from roleplay.generation.lanes import LANES, Lane
from roleplay.generation.settings import Sampling
from roleplay.text import clean


class Session:
    """One chat with one character.

    The first lane's replies are the conversation; other lanes answer beside it, to the same turns of the person. A turn
    of the person that got no reply stays: it is sent together with the next one, unless it fills the context.
    """

    def __init__(
        self,
        card: Card,
        prefixes: Sequence[Prefix],
        answers: Answers,
        store: ChatStore | None,
        *,
        greet: bool = False,
    ) -> None:
        self.card, self.answers, self.greet = card, answers, greet
        self._prefixes = tuple(prefixes)
        self.pinned: Card | None = None
        """The card this chat was begun with, where that is not the one that answers were loaded with."""
        self.active = default_prefixes(self.prefixes)
        self.settings = ChatSettings()
        self.tree = Tree()
        self.steps = Steps(self.tree)
        self.keeper = Keeper(store)
        # By (prefixes, own history): where the history sent begins.
        self._starts: dict[tuple[tuple[str, ...], str], int] = {}
        # By turn of the person: how often it was answered, so that each draw has a seed of its own.
        self._tries: dict[int, int] = {}
        # The turn of the person that fills the context: what follows it stands alone.
        self._too_long: Said | None = None
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
        return (*(prefix for prefix in self._prefixes if prefix.id == TEMPLATE_DEFAULT), *self.pinned.prefixes)

    @prefixes.setter
    def prefixes(self, loaded: Sequence[Prefix]) -> None:
        self._prefixes = tuple(loaded)

    @property
    def line(self) -> list[Said]:
        """The conversation from its first turn on."""
        return self.tree.line

    @property
    def history(self) -> tuple[Turn, ...]:
        """What a model is sent: turns of the person that follow each other are one."""
        return history(self.tree, None, self._too_long)

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

    @property
    def can_regenerate(self) -> bool:
        """Whether there is a reply to draw again, or one that never came."""
        return self.waiting or bool(self.tree.head is not None and self.tree.head.parent and self.tree.head.lane)

    def beside(self, said: Said) -> list[Said]:
        """What lanes for comparison answered to a turn of the person, the newest of each."""
        return self.tree.beside(said)

    def switch(self, changes: Mapping[str, bool]) -> None:
        """Turn prefixes on and off, from the next turn on. Raises UsageError for an unknown id."""
        known = {prefix.id for prefix in self.prefixes}
        unknown = [name for name in self.active if name not in known]  # resumed before the base was loaded
        self.active = [*unknown, *switch(self.prefixes, self.active, changes)]

    # --- the person's turns, and replies to them ---

    def say(self, text: str) -> Said:
        """Take the person's turn into the conversation and keep it."""
        said = Said("user", clean(text).strip())
        self.steps.note(said.text)
        self.tree.head = self.tree.add(said, self.tree.head)
        self.save_quietly()
        return said

    def answer(
        self, lanes: Sequence[Lane], sampling: Sampling, cancel: Cancel | None = None, *, about: Mapping[str, str] = {}
    ) -> Iterator[Heard]:
        """Stream the lanes' replies to the person's last turn; where it has one, draw it anew with another seed.

        The first lane's reply joins the history, the others' are kept beside it, each with `about`, who drew it. A half
        is kept as such; what was to be replaced stays where nothing comes in its place. Raises RoleplayError;
        StorageError, last, if something could not be kept.
        """
        if not self.can_regenerate or self.tree.head is None:
            raise UsageError("nothing was said yet that could be answered")
        former = None if self.waiting else self.tree.head
        user = self.tree.head if former is None else former.parent
        assert user is not None  # noqa: S101  # `can_regenerate` has seen it
        if former is not None:
            self.steps.note()
        self.tree.head = user
        question = self._question(lanes, self._seeded(sampling, user, lanes[0]))
        try:
            yield from self._hear(question, user, cancel, about, joins=True)
        except BaseException as error:
            self._settle(user, former)
            if self.waiting and isinstance(error, ContextFull):
                self._too_long = user
            self.save_quietly()
            raise
        self._settle(user, former)
        self.save()

    def aside(
        self, lanes: Sequence[Lane], sampling: Sampling, cancel: Cancel | None = None, *, about: Mapping[str, str] = {}
    ) -> Iterator[Heard]:
        """Stream what other lanes would have said to the person's last turn; the conversation stays as it is."""
        user = next((said for said in reversed(self.line) if said.role == "user"), None)
        if user is None:
            raise UsageError("nothing was said yet that could be answered")
        head, self.tree.head = self.tree.head, user
        question = self._question(lanes, sampling)
        self.tree.head = head
        try:
            yield from self._hear(question, user, cancel, about, joins=False)
        finally:
            self._settle(user, None)
            self.save_quietly()

    def go_on(self, sampling: Sampling, cancel: Cancel | None = None) -> Iterator[Heard]:
        """Stream the rest of the conversation's last reply, which was cut; it stays one turn."""
        reply = self.tree.head
        if reply is None or reply.parent is None or not reply.can_continue or reply.lane not in LANES:
            raise UsageError("there is no reply that was cut; Ctrl+R draws the last one anew")
        self.steps.note(reply=reply)
        self.tree.head = reply.parent
        ask = replace(self._ask(LANES[reply.lane]), said=reply.text)
        question = replace(self._question([], self._seeded(sampling, reply.parent, ask.lane)), asks=(ask,))
        self.tree.head, before = reply, (reply.text, reply.stopped)
        try:
            for heard in self.answers.answer(question, cancel):
                if isinstance(heard, Piece):
                    reply.text, reply.stopped = reply.text + heard.text, "cut"
                    self.keeper.draft(self)
                elif not isinstance(heard, Asked | Unanswered):
                    reply.text, reply.stopped = heard.text.rstrip(), heard.stopped
                yield heard
        finally:
            if not reply.text.strip():
                reply.text, reply.stopped = before
            self.save_quietly()

    def question(self, said: Said, lanes: Sequence[Lane], sampling: Sampling) -> Question:
        """What was asked for the reply to `said`, a turn of the person on the line, as it would be asked now."""
        head, self.tree.head = self.tree.head, said
        try:
            return self._question(lanes, sampling)
        finally:
            self.tree.head = head

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
        self.steps, self._starts, self._tries, self._too_long = Steps(self.tree), {}, {}, None
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

    # --- steps that several of the above take ---

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

    def _question(self, lanes: Sequence[Lane], sampling: Sampling) -> Question:
        asks = tuple(self._ask(lane, own=bool(i) and self.settings.own_history) for i, lane in enumerate(lanes))
        return Question(asks, sampling, self.settings.strength, self.settings.adapter, self.pinned)

    def _ask(self, lane: Lane, *, own: bool = False) -> Ask:
        known = {prefix.id for prefix in self.prefixes}  # a resumed chat may have a switch that this base lacks
        active = tuple(name for name in self.active if name in known) if lane.prefix else ()
        key = (active, lane.name if own else "")
        return Ask(lane, active, self._starts.get(key, 0), history(self.tree, lane if own else None, self._too_long))

    def _seeded(self, sampling: Sampling, user: Said, lane: Lane) -> Sampling:
        drawn = sum(other.lane == lane.name for other in self.tree.turns if other.parent is user)
        tries = self._tries.get(id(user), drawn)
        self._tries[id(user)] = tries + 1
        return replace(sampling, seed=(sampling.seed + tries) % 2**63)

    def _hear(
        self, question: Question, user: Said, cancel: Cancel | None, about: Mapping[str, str], *, joins: bool
    ) -> Iterator[Heard]:
        """Write down what the lanes say, and pass it on."""
        first = question.asks[0].lane if joins else None
        drawn = json.dumps({**asdict(question.sampling), "strength": question.strength, **about})
        replies: dict[Lane, Said] = {}
        for heard in self.answers.answer(question, cancel):
            if isinstance(heard, Asked):
                self._remember_start(question, heard)
                reply = Said("assistant", "", heard.lane.name, heard.prefixes, "cut", drawn=drawn)
                reply.beside = heard.lane != first
                replies[heard.lane] = self.tree.add(reply, user)
                if not reply.beside:
                    self.tree.head = reply
            elif isinstance(heard, Piece):
                replies[heard.lane].text += heard.text
                self.keeper.draft(self)
            elif not isinstance(heard, Unanswered):
                replies[heard.lane].text = heard.text.strip()
                replies[heard.lane].stopped = heard.stopped
                self.save_quietly()
            yield heard

    def _remember_start(self, question: Question, asked: Asked) -> None:
        own = self.settings.own_history and asked.lane != question.asks[0].lane
        self._starts[asked.prefixes, asked.lane.name if own else ""] = asked.start

    def _settle(self, user: Said, former: Said | None) -> None:
        """A reply that was broken off before its first word is none."""
        for reply in [said for said in self.tree.turns if said.parent is user and said.wordless]:
            self.tree.drop(reply)
        if self.waiting and former is not None:
            self.tree.head = former
            self.steps.forget()
