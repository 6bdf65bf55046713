"""A conversation that is answered: what each lane is asked, and how replies join it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace

from roleplay.cards.model import KNOWLEDGE, Card, Prefix
from roleplay.chat.conversation import Conversation
from roleplay.chat.history import history
from roleplay.chat.question import Answers, Ask, Asked, Heard, Question, Unanswered
from roleplay.chat.said import Said
from roleplay.chat.store import ChatStore
from roleplay.dialogue import Turn
from roleplay.errors import ContextFull, UsageError
from roleplay.generation.events import Cancel, Piece
from roleplay.generation.lanes import Lane, lane_named
from roleplay.generation.settings import Sampling
from roleplay.text import fingerprint


class Session(Conversation):
    """A conversation that is answered.

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
        super().__init__(card, prefixes, store, greet=greet)
        self.answers = answers
        # By (prefixes, own history): where the history sent begins.
        self._starts: dict[tuple[tuple[str, ...], str], int] = {}
        # By turn of the person: how often it was answered, so that each draw has a seed of its own.
        self._tries: dict[int, int] = {}
        # The turn of the person that fills the context: what follows it stands alone.
        self._too_long: Said | None = None

    @property
    def history(self) -> tuple[Turn, ...]:
        """What a model is sent: turns of the person that follow each other are one."""
        return history(self.tree, None, self._too_long)

    @property
    def can_regenerate(self) -> bool:
        """Whether there is a reply to draw again, or one that never came."""
        return self.waiting or bool(self.tree.head is not None and self.tree.head.parent and self.tree.head.lane)

    def resume(self, chat: int) -> None:
        """Show a kept conversation and go on in it, as it was held. Raises StorageError."""
        super().resume(chat)
        self._starts, self._tries, self._too_long = {}, {}, None

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
        lane = lane_named(reply.lane or "") if reply is not None else None
        if reply is None or reply.parent is None or not reply.can_continue or lane is None:
            raise UsageError("there is no reply that was cut; Ctrl+R draws the last one anew")
        self.steps.note(reply=reply)
        self.tree.head = reply.parent
        ask = replace(self._ask(lane), said=reply.text)
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

    # --- steps that several of the above take ---

    def _question(self, lanes: Sequence[Lane], sampling: Sampling) -> Question:
        asks = tuple(self._ask(lane, own=bool(i) and self.settings.own_history) for i, lane in enumerate(lanes))
        held = self.settings
        return Question(asks, sampling, held.strength, held.adapter, self.pinned, held.pinned, held.excluded)

    def _ask(self, lane: Lane, *, own: bool = False) -> Ask:
        # By the switches there are: a resumed chat may have one on that this base lacks.
        wanted = {*self.active, KNOWLEDGE} if lane.knowledge else {*self.active}
        if lane.knowledge is False:
            wanted.discard(KNOWLEDGE)
        active = tuple(prefix.id for prefix in self.prefixes if prefix.id in wanted) if lane.prefix else ()
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
        card = fingerprint(self.pin(None, None).card or "")
        drawn = json.dumps({**asdict(question.sampling), "strength": question.strength, "card": card, **about})
        replies: dict[Lane, Said] = {}
        for heard in self.answers.answer(question, cancel):
            if isinstance(heard, Asked):
                self._remember_start(question, heard)
                reply = Said("assistant", "", heard.lane.name, heard.prefixes, "cut", drawn=drawn)
                reply.beside, reply.recalled = heard.lane != first, heard.recalled
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
        if asked.lane.model:  # another program leaves out what it likes, and does not tell
            return
        own = self.settings.own_history and asked.lane != question.asks[0].lane
        self._starts[asked.prefixes, asked.lane.name if own else ""] = asked.start

    def _settle(self, user: Said, former: Said | None) -> None:
        """A reply that was broken off before its first word is none."""
        for reply in [said for said in self.tree.turns if said.parent is user and said.wordless]:
            self.tree.drop(reply)
        if self.waiting and former is not None:
            self.tree.head = former
            self.steps.forget()
