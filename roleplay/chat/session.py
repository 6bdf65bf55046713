"""One conversation: its turns, the prefixes that are on, and what is kept of it."""

import contextlib
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from roleplay.cards.model import TEMPLATE_DEFAULT, Card, Prefix
from roleplay.cards.prompt import default_prefixes, fill, switch
from roleplay.chat.question import Answers, Ask, Asked, Heard, Question
from roleplay.chat.said import Exchange, Said
from roleplay.chat.store import ChatStore, StoredTurn
from roleplay.dialogue import Turn
from roleplay.errors import ContextFull, StorageError, UsageError
from roleplay.generation.events import Cancel, Piece
from roleplay.generation.lanes import Lane
from roleplay.generation.settings import Sampling
from roleplay.text import clean

_DRAFT_SECONDS = 1.0
"""A reply in progress is kept this often, so that a crash costs no more."""


class Session:
    """One chat with one character; every lane sees the same history, that of the first lane's replies.

    A turn of the person that got no reply stays: it is sent together with the next one, unless it fills the context.
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
        self.card, self.prefixes, self.answers, self.store = card, tuple(prefixes), answers, store
        self.active = default_prefixes(self.prefixes)
        self.line: list[Said] = []
        self.beside: dict[int, list[Said]] = {}
        """By index of the person's turn: what other lanes answered to it."""
        # By active prefixes: where the history sent begins.
        self._starts: dict[tuple[str, ...], int] = {}
        self._tries = 0
        # Turns of the person before this one fill the context: what follows them stands alone.
        self._too_long = 0
        self._chat: int | None = None
        if greet and card.greeting:
            self.line.append(Said("assistant", fill(card.greeting, card)))

    @property
    def history(self) -> tuple[Turn, ...]:
        """What a model is sent: turns of the person that follow each other are one."""
        turns: list[Turn] = []
        for i, said in enumerate(self.line):
            if turns and said.role == turns[-1].role == "user":
                before = turns.pop().text
                text = said.text if i <= self._too_long else f"{before}\n\n{said.text}"
                turns.append(Turn("user", text))
            else:
                turns.append(Turn(said.role, said.text))
        return tuple(turns)

    @property
    def exchanges(self) -> list[Exchange]:
        """The conversation as a screen shows it."""
        shown: list[Exchange] = []
        for i, said in enumerate(self.line):
            if said.role == "user":
                following = self.line[i + 1] if i + 1 < len(self.line) else None
                reply = following if following is not None and following.role == "assistant" else None
                shown.append(Exchange(said, reply, next(iter(self.beside.get(i, ())), None)))
            elif i == 0:
                shown.append(Exchange(None, said, None))
        return shown

    @property
    def waiting(self) -> bool:
        """Whether the person's last turn has no reply yet."""
        return bool(self.line) and self.line[-1].role == "user"

    @property
    def can_regenerate(self) -> bool:
        """Whether there is a reply to draw again, or one that never came."""
        return self.waiting or bool(self.line and self.line[-1].lane)

    def switch(self, changes: Mapping[str, bool]) -> None:
        """Turn prefixes on and off, from the next turn on. Raises UsageError for an unknown id."""
        known = {prefix.id for prefix in self.prefixes}
        unknown = [name for name in self.active if name not in known]  # resumed before the base was loaded
        self.active = [*unknown, *switch(self.prefixes, self.active, changes)]

    def say(self, text: str) -> None:
        """Take the person's turn into the history and keep it."""
        self.line.append(Said("user", clean(text).strip()))
        self._tries = 0
        self._save_quietly()

    def answer(self, lanes: Sequence[Lane], sampling: Sampling, cancel: Cancel | None = None) -> Iterator[Heard]:
        """Stream the lanes' replies to the person's last turn; where it has one, draw it anew with another seed.

        The first lane's reply joins the history, the others' are kept beside it. A half is kept as such; what was to be
        replaced stays where nothing comes in its place. Raises RoleplayError; StorageError, last, if something could
        not be kept.
        """
        if not self.can_regenerate:
            raise UsageError("nothing was said yet that could be answered")
        former = None if self.waiting else self.line.pop()
        beside = self.beside.get(len(self.line) - 1, [])
        seed = (sampling.seed + self._tries) % 2**63
        self._tries += 1
        question = Question(self.history, tuple(map(self._ask, lanes)), replace(sampling, seed=seed))
        try:
            yield from self._hear(question, cancel)
        except BaseException as error:
            self._settle(former, beside)
            if self.waiting and isinstance(error, ContextFull):
                self._too_long = len(self.line)
            self._save_quietly()
            raise
        self._settle(former, beside)
        self.save()

    def resume(self, chat: int) -> None:
        """Show a kept conversation and go on in it, with the prefixes of its last reply.

        Raises StorageError.
        """
        if self.store is None:
            raise StorageError("this chat is not kept, so there is none to resume; start it without --no-save")
        path = self.store.path_to(self.store.head(chat))
        self.line = [_said(turn) for turn in path]
        self.beside, self._tries, self._too_long = {}, 0, 0
        for i, (turn, reply) in enumerate(itertools.pairwise([*path, None])):
            if turn is not None and turn.role == "user":
                shown = reply.lane if reply is not None else None
                replies = self.store.replies_to(turn.id)
                self.beside[i] = list({other.lane: _said(other) for other in replies if other.lane != shown}.values())
                self._tries = len(replies)  # of the last turn: one more is drawn with a seed of its own
        self._chat, self._starts = chat, {}
        known = {TEMPLATE_DEFAULT, *(prefix.id for prefix in self.prefixes)}
        last = next((said for said in reversed(self.line) if said.lane is not None), None)
        if last is not None:
            self.active = [prefix for prefix in last.prefixes if prefix in known]
            self._settle(None, [])

    def save(self) -> None:
        """Keep what is not kept yet, in order. Raises StorageError; what is shown stays, and is tried again."""
        if self.store is None or not any(said.role == "user" for said in self.line):
            return
        if self._chat is None:
            self._chat = self.store.new_chat(self.card.name)
        parent: int | None = None
        for i, said in enumerate(self.line):
            parent = self._keep(self.store, self._chat, said, parent, head=True)
            for other in self.beside.get(i, ()):
                if other.text:
                    self._keep(self.store, self._chat, other, parent, head=False)

    def _hear(self, question: Question, cancel: Cancel | None) -> Iterator[Heard]:
        """Write down what the lanes say, and pass it on."""
        first, turn = question.asks[0].lane, len(self.line) - 1
        replies: dict[Lane, Said] = {}
        kept_at = time.monotonic()
        for heard in self.answers.answer(question, cancel):
            if isinstance(heard, Asked):
                self._starts[heard.prefixes] = heard.start
                reply = replies[heard.lane] = Said("assistant", "", heard.lane.name, heard.prefixes, "cut")
                if heard.lane == first:
                    self.line.append(reply)
                else:
                    others = [other for other in self.beside.get(turn, ()) if other.lane != reply.lane]
                    self.beside[turn] = [*others, reply]
            elif isinstance(heard, Piece):
                replies[heard.lane].text += heard.text
                if time.monotonic() - kept_at > _DRAFT_SECONDS:
                    self._save_quietly()
                    kept_at = time.monotonic()
            else:
                replies[heard.lane].text = heard.text.strip()
                replies[heard.lane].stopped = heard.stopped
                self._save_quietly()
            yield heard

    def _settle(self, former: Said | None, beside: list[Said]) -> None:
        """A reply that was broken off before its first word is none."""
        if _wordless(self.line[-1]):
            self.line.pop()
        if self.waiting and former is not None:
            self.beside[len(self.line) - 1] = beside
            self.line.append(former)

    def _ask(self, lane: Lane) -> Ask:
        known = {prefix.id for prefix in self.prefixes}  # a resumed chat may have a switch that this base lacks
        active = tuple(name for name in self.active if name in known) if lane.prefix else ()
        return Ask(lane, active, self._starts.get(active, 0))

    def _save_quietly(self) -> None:
        """What cannot be kept now is tried again at the end of the reply, and told there."""
        with contextlib.suppress(StorageError):
            self.save()

    def _keep(self, store: ChatStore, chat: int, said: Said, parent: int | None, *, head: bool) -> int | None:
        if _wordless(said):
            return parent
        if said.id is None:
            said.id = store.add(
                chat,
                parent,
                said.role,
                said.text,
                lane=said.lane,
                prefixes=said.prefixes,
                stopped=said.stopped,
                head=head,
            )
        elif said.kept != (said.text, said.stopped):
            store.rewrite(said.id, said.text, said.stopped)
        said.kept = (said.text, said.stopped)
        return said.id


def _wordless(said: Said) -> bool:
    """Whether a reply has not begun, or was broken off before its first word."""
    return said.lane is not None and not said.text.strip() and said.stopped in ("cut", "cancelled")


def _said(turn: StoredTurn) -> Said:
    kept = (turn.text, turn.stopped)
    return Said(turn.role, turn.text, turn.lane, turn.prefixes, turn.stopped, turn.id, kept)


def card_sampling(card: Card, typed: Mapping[str, float | int | None]) -> Sampling:
    """Chat defaults < card < typed."""
    values = {key: value for key, value in card.generation.model_dump().items() if value is not None}
    values |= {key: value for key, value in typed.items() if value is not None}
    return Sampling(**values)
