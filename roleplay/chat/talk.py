"""A chat as a screen holds it: one character, the process that answers for it, the conversation at hand."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

from roleplay.cards.load import CardFile
from roleplay.cards.model import TEMPLATE_DEFAULT
from roleplay.chat.manner import Manner
from roleplay.chat.process import AnswerProcess
from roleplay.chat.question import Asked, Heard
from roleplay.chat.session import Session, card_sampling
from roleplay.chat.store import ChatStore
from roleplay.chat.wire import Opening, Ready
from roleplay.generation.events import Cancel
from roleplay.generation.lanes import Lane
from roleplay.paths import Home


@dataclass(frozen=True)
class Figures:
    """What a status line shows."""

    base: str | None = None
    """Name of the base; `None` until it is loaded."""
    adapter: str | None = None
    """`character/run@step`; `None` where the base answers alone."""
    tokens_per_second: float | None = None
    """Of the newest reply; `None` before its first token."""
    used: int | None = None
    """Tokens of the context that the conversation's lane has taken; `None` before the first question."""
    context: int | None = None
    """Tokens that the base was made for."""


class Talk:
    """One character, opened for talking.

    `load`, `say`, `answer` and `resume` block and belong into a thread; one at a time says or answers.
    """

    def __init__(
        self,
        card_file: CardFile,
        manner: Manner,
        home: Home,
        store: ChatStore | None,
        answers: AnswerProcess | None = None,
    ) -> None:
        self.card, self.manner, self.store = card_file.card, manner, store
        path = card_file.path.absolute()
        opening = Opening(
            path, home.root, manner.base, manner.run, manner.which, manner.trust_remote_code, manner.quant
        )
        self.answers = answers or AnswerProcess(opening)
        self.sampling = card_sampling(self.card, dict(manner.sampling))
        self.comparing = False
        """Whether the untouched base answers beside the character."""
        self.figures = Figures()
        self._cancel = Cancel()
        self._replying = threading.Lock()
        self._prefixes = tuple(self.card.prefixes)
        self.session = self._new_session()

    @property
    def has_adapter(self) -> bool:
        """Whether the character answers itself; without an adapter, or before it is loaded, the base would."""
        return self.answers.ready is not None and self.answers.ready.adapter is not None

    @property
    def lanes(self) -> list[Lane]:
        """Who answers: the character first, or the base where it has no adapter; then the base, if wanted."""
        beside = [Lane(adapter=False, prefix=True)] if self.has_adapter and self.comparing else []
        return [Lane(adapter=self.has_adapter, prefix=True), *beside]

    def load(self) -> Ready | None:
        """Load base and adapter, unless that is done. Raises RoleplayError."""
        ready = self.answers.load()
        if ready is not None:
            self._learn(ready)
        return ready

    def new_chat(self) -> None:
        """Begin a new conversation; a reply under way is stopped, and kept where it belongs."""
        self.stop()
        self.session = self._new_session()

    def resume(self, chat: int) -> None:
        """Go on in a kept conversation. Raises StorageError or UsageError."""
        session = self._new_session()
        self.stop()
        with self._replying:  # the reply under way may belong to this very conversation
            session.resume(chat)
        self._type_switches(session)
        self.session = session

    def say(self, text: str) -> None:
        """Take the person's turn into the conversation."""
        self.session.say(text)

    def answer(self) -> Iterator[Heard]:
        """Stream the replies to the person's last turn, or draw its reply anew.

        Nothing comes where `stop` was quicker than loading. Raises RoleplayError.
        """
        session, cancel = self.session, Cancel()
        self._cancel = cancel
        with self._replying:
            ready = self.answers.load(cancel)
            if ready is None:
                return
            self._learn(ready)
            lanes, sent = self.lanes, 0
            for heard in session.answer(lanes, self.sampling, cancel):
                if heard.lane == lanes[0]:
                    sent = len(heard.ids) if isinstance(heard, Asked) else sent
                    self._measure(sent, heard)
                yield heard

    def stop(self) -> None:
        """Stop the reply that is under way."""
        self._cancel.stop()

    def close(self) -> None:
        """Stop, and let the model go."""
        self.stop()
        self.answers.close()

    def _new_session(self) -> Session:
        session = Session(self.card, self._prefixes, self.answers, self.store, greet=self.manner.greet)
        self._type_switches(session)
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

    def _measure(self, sent: int, heard: Heard) -> None:
        if isinstance(heard, Asked):
            self.figures = replace(self.figures, used=sent, tokens_per_second=None)
        elif heard.seconds > 0:
            speed = heard.tokens / heard.seconds
            self.figures = replace(self.figures, used=sent + heard.tokens, tokens_per_second=speed)
