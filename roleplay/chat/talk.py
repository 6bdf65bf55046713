"""A chat as a screen holds it: one character, who answers for it, the conversation at hand."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from roleplay.cards.load import CardFile
from roleplay.cards.model import KNOWLEDGE, TEMPLATE_DEFAULT
from roleplay.chat.answerer import answers_for
from roleplay.chat.backend import check_whole
from roleplay.chat.company import Company
from roleplay.chat.figures import Figures
from roleplay.chat.inspection import LookUp, Sent, Weigh, Weighed
from roleplay.chat.manner import Manner
from roleplay.chat.pinned import what_changed
from roleplay.chat.process import AnswerProcess
from roleplay.chat.question import Asked, Heard, Unanswered
from roleplay.chat.said import Said
from roleplay.chat.sampled import card_sampling
from roleplay.chat.session import Session
from roleplay.chat.settings import STRONGEST
from roleplay.chat.store import ChatStore, Pin
from roleplay.chat.wire import Ready
from roleplay.chat.wishes import Wish, wished
from roleplay.errors import UsageError
from roleplay.generation.events import Cancel
from roleplay.generation.lanes import LANES, Lane, lane_named
from roleplay.generation.settings import Sampling
from roleplay.paths import Home
from roleplay.text import did_you_mean


class Talk:
    """One character, opened for talking.

    `load`, `say`, `answer`, `go_on`, `aside`, `resume`, `sent` and `weighed` block and belong into a thread; one at a
    time says or answers.
    """

    def __init__(
        self,
        card_file: CardFile,
        manner: Manner,
        home: Home,
        store: ChatStore | None,
        answers: AnswerProcess | None = None,
    ) -> None:
        self.card, self.manner, self.home, self.store = card_file.card, manner, home, store
        self.answers = answers or answers_for(card_file, manner, home)
        self.company = Company(self.answers, self.card, manner.remotes, home.knowledge_of(self.card.name))
        self.figures = Figures()
        self._before: Pin | None = None
        self._cancel = Cancel()
        self._replying = threading.Lock()
        self._prefixes = self.card.switches
        self.session = self._new_session()

    @property
    def has_adapter(self) -> bool:
        """Whether the character answers itself; without an adapter, or before it is loaded, the base would."""
        return self.answers.ready is not None and self.answers.ready.adapter is not None

    @property
    def changed(self) -> tuple[str, ...]:
        """What is different from when the conversation at hand was held the last time, each as a sentence."""
        keeper = self.session.keeper
        return what_changed(self._before, self.card, keeper.base, keeper.adapter)

    @property
    def lane_choices(self) -> list[Lane]:
        """Every lane there is: what the base can do, with the adapter or without, then other models.

        Where the card names books, those with prefixes are there with passages or without: the switch's opposite.
        """
        has_base = self.answers.ready is None or self.answers.ready.has_base
        local = [lane for lane in LANES.values() if (self.has_adapter if lane.adapter else has_base)]
        knows = any(prefix.id == KNOWLEDGE for prefix in self.session.prefixes)
        other = KNOWLEDGE not in self.session.active
        compared = [replace(lane, knowledge=other) for lane in local if lane.prefix and knows]
        return [*local, *compared, *self.company.lanes]

    @property
    def lanes(self) -> list[Lane]:
        """Who answers, the conversation's own lane first."""
        named = self.session.settings.lanes or ("persona+prefix", *(lane.name for lane in self.company.lanes))
        wanted = [self._lane(name) for name in named]
        return list(dict.fromkeys(lane for lane in wanted if lane is not None)) or [Lane(self.has_adapter, prefix=True)]

    @property
    def sampling(self) -> Sampling:
        """How replies are drawn: chat defaults < card < typed < changed in this chat."""
        return card_sampling(self.card, dict(self.manner.sampling) | dict(self.session.settings.sampling))

    # --- what a person sets; it is remembered by the chat ---

    def show_lanes(self, names: Sequence[str]) -> None:
        """Let these lanes answer, the first for the conversation. Raises UsageError."""
        known = {lane.name for lane in (*LANES.values(), *self.company.lanes)}
        for name in names:
            if name not in known and lane_named(name) is None:
                raise UsageError(f"there is no lane '{name}'; {did_you_mean(name, known)}")
        self._set(lanes=tuple(dict.fromkeys(names)))

    def keep_own_history(self, on: bool) -> None:
        """Let each lane remember its own replies, or all follow the conversation's."""
        self._set(own_history=on)

    def set_strength(self, strength: float) -> None:
        """Turn the adapter down or up, from the next reply on; 0 is the base. Raises UsageError."""
        if not 0 <= strength <= STRONGEST:
            raise UsageError(f"a strength of {strength:.0%} is out of reach; choose 0 % to {STRONGEST:.0%}")
        if self.manner.backend is not None:
            check_whole(strength, "")
        self._set(strength=round(strength, 2))

    def set_sampling(self, name: str, value: float | int | None) -> None:
        """Change one sampling setting for this chat; `None` goes back to the card's. Raises UsageError."""
        from roleplay.chat.sampled import check_sampling

        others = {key: old for key, old in self.session.settings.sampling.items() if key != name}
        self._set(sampling=others if value is None else others | {name: check_sampling(name, value)})

    def choose_adapter(self, label: str) -> None:
        """Let another adapter of the character answer, as `adapters` names it; empty for the one that was opened.

        Raises UsageError where a server answers.
        """
        if self.manner.backend is not None:
            check_whole(1.0, label)
        self._set(adapter=label)

    def wish(self, identity: str, wish: Wish) -> None:
        """Pin or exclude a passage from the next reply on; the same wish again takes it back."""
        self._set(**wished(self.session.settings, identity, wish))

    def use_new_card(self) -> None:
        """Go on with the card as it is now."""
        session = self.session
        session.pinned = None
        session.active = [name for name in session.active if name in {prefix.id for prefix in self._prefixes}]
        session.keeper.pin = None
        session.save_quietly()
        self._before = None

    # --- loading, talking ---

    def load(self) -> Ready | None:
        """Load base and adapter, unless that is done. Raises RoleplayError."""
        ready = self.answers.load()
        if ready is not None:
            self._learn(ready)
        return ready

    def new_chat(self) -> None:
        """Begin a new conversation, held as this one; a reply under way is stopped, and kept where it belongs."""
        self.stop()
        settings = self.session.settings
        self.session = self._new_session()
        self.session.settings = settings
        self._before = None

    def resume(self, chat: int) -> None:
        """Go on in a kept conversation, with the card it was begun with. Raises StorageError or UsageError."""
        session = self._new_session()
        self.stop()
        with self._replying:  # the reply under way may belong to this very conversation
            session.resume(chat)
        self._before = session.keeper.pin
        self._type_switches(session)
        self.session = session

    def say(self, text: str) -> None:
        """Take the person's turn into the conversation."""
        self.session.say(text)

    def answer(self) -> Iterator[Heard]:
        """Stream the replies to the person's last turn, or draw its reply anew.

        Nothing comes where `stop` was quicker than loading. Raises RoleplayError.
        """
        session = self.session
        yield from self._heard(lambda cancel: session.answer(self.lanes, self.sampling, cancel, about=self._about()))

    def go_on(self) -> Iterator[Heard]:
        """Stream the rest of the last reply, which was cut. Raises RoleplayError."""
        session = self.session
        yield from self._heard(lambda cancel: session.go_on(self.sampling, cancel))

    def aside(self, labels: Sequence[str]) -> Iterator[Heard]:
        """Stream what each of these adapters says to the person's last turn; the conversation stays as it is.

        Raises RoleplayError.
        """
        session = self.session
        lanes = [Lane(adapter=True, prefix=self.lanes[0].prefix, which=label) for label in labels]
        yield from self._heard(lambda cancel: session.aside(lanes, self.sampling, cancel, about=self._about()))

    def stop(self, lane: Lane | None = None) -> None:
        """Stop the reply that is under way, or what one lane says of it."""
        self._cancel.stop(lane)

    def close(self) -> None:
        """Stop, and let the model go."""
        self.stop()
        self.answers.close()

    # --- looking things up ---

    def sent(self) -> list[Sent]:
        """What each lane of the base was sent for the last reply, or would be sent now. Raises RoleplayError."""
        session = self.session
        user = next((said for said in reversed(session.line) if said.role == "user"), None)
        if user is None:
            raise UsageError("nothing was said yet, so nothing was sent")
        question = session.question(user, [lane for lane in self.lanes if not lane.model], self.sampling)
        return [found for found in self.answers.look(LookUp(question)) if isinstance(found, Sent)]

    def weighed(self, reply: Said) -> Weighed:
        """How likely each token of a reply was with the adapter, and without. Raises RoleplayError."""
        lane = lane_named(reply.lane or "") or self.lanes[0]
        if reply.parent is None or not self.has_adapter:
            raise UsageError("only what an adapter could have answered can be weighed")
        session = self.session
        question = session.question(reply.parent, [replace(lane, adapter=True)], self.sampling)
        question = replace(question, asks=(replace(question.asks[0], prefixes=reply.prefixes),))
        found = self.answers.look(Weigh(question, reply.text))
        return next(weighed for weighed in found if isinstance(weighed, Weighed))

    # --- steps that several of the above take ---

    def _heard(self, hear: Callable[[Cancel], Iterator[Heard]]) -> Iterator[Heard]:
        cancel = self._cancel = Cancel()
        with self._replying:
            if any(not lane.model for lane in self.lanes):
                ready = self.answers.load(cancel)
                if ready is None:
                    return
                self._learn(ready)
            sent = 0
            for heard in hear(cancel):
                if heard.lane == self.lanes[0]:
                    sent = len(heard.ids) if isinstance(heard, Asked) else sent
                    self._measure(sent, heard)
                yield heard

    def _new_session(self) -> Session:
        session = Session(self.card, self._prefixes, self.company, self.store, greet=self.manner.greet)
        self._type_switches(session)
        self._tell_keeper(session)
        return session

    def _type_switches(self, session: Session) -> None:
        known = {prefix.id for prefix in session.prefixes}
        session.switch({name: on for name, on in self.manner.switches if name in known})

    def _learn(self, ready: Ready) -> None:
        """The base is known: so is whether its template has a system prompt of its own, which is one more switch."""
        if self._prefixes != ready.prefixes:
            self._prefixes = ready.prefixes
            self.session.prefixes = ready.prefixes
            self.session.switch({name: on for name, on in self.manner.switches if name == TEMPLATE_DEFAULT})
        self.figures = replace(self.figures, base=ready.base, adapter=ready.adapter, context=ready.context)
        self._tell_keeper(self.session)

    def _tell_keeper(self, session: Session) -> None:
        if self.answers.ready is not None:
            session.keeper.base, session.keeper.adapter = self.answers.ready.identity, self.answers.ready.adapter

    def _lane(self, name: str) -> Lane | None:
        """The lane called so; without an adapter the base takes the character's place."""
        lane = lane_named(name) or next((lane for lane in self.company.lanes if lane.name == name), None)
        if lane is None or self.has_adapter or lane.model:
            return lane
        return replace(lane, adapter=False)

    def _about(self) -> dict[str, str]:
        ready = self.answers.ready
        adapter = self.session.settings.adapter or (ready.adapter if ready is not None else None) or ""
        return {"base": ready.identity if ready is not None else "", "adapter": adapter}

    def _set(self, **values: object) -> None:
        self.session.settings = self.session.settings.changed(**values)
        self.session.save_quietly()

    def _measure(self, sent: int, heard: Heard) -> None:
        if isinstance(heard, Asked):
            self.figures = replace(self.figures, used=sent or None, tokens_per_second=None, left_out=heard.start)
        elif not isinstance(heard, Unanswered) and heard.seconds > 0:
            speed = heard.tokens / heard.seconds
            used = sent + heard.tokens if sent else None  # another program tokenises
            self.figures = replace(self.figures, used=used, tokens_per_second=speed)
