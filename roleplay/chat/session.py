"""A conversation: history, active prefixes, and the lanes that answer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from roleplay.cards.model import Card
from roleplay.cards.prompt import default_prefixes, fill, switch
from roleplay.chat.store import ChatStore
from roleplay.dataset.unit import Voice, fit_start
from roleplay.dialogue import Turn
from roleplay.generation.engine import Cancel, Engine, Event, Finished
from roleplay.generation.lanes import Lane
from roleplay.generation.settings import Sampling
from roleplay.text import clean


@dataclass(frozen=True)
class Asked:
    """What a lane is about to answer."""

    lane: Lane
    """Who answers."""
    prefixes: tuple[str, ...]
    """Prefixes sent."""
    ids: tuple[int, ...]
    """Token ids sent, (T,)."""


class Session:
    """One chat with one character; every lane sees the same history, that of the first lane's replies."""

    def __init__(self, voice: Voice, engine: Engine, store: ChatStore | None, *, greet: bool = False) -> None:
        self.voice, self.engine, self.store = voice, engine, store
        self.active = default_prefixes(voice.prefixes)
        self.history: list[Turn] = []
        # By active prefixes: where the history sent begins. It moves only when the context is full, as in training.
        self._starts: dict[tuple[str, ...], int] = {}
        self._parent: int | None = None
        self._chat: int | None = None
        if greet and voice.card.greeting:
            self._remember(Turn("assistant", fill(voice.card.greeting, voice.card)))

    def switch(self, changes: Mapping[str, bool]) -> None:
        """Turn prefixes on and off, from the next turn on. Raises UsageError for an unknown id."""
        self.active = switch(self.voice.prefixes, self.active, changes)

    def ask(self, text: str, lanes: Sequence[Lane], sampling: Sampling) -> list[Asked]:
        """Take the person's turn into the history and render what each lane will be sent."""
        self._remember(Turn("user", clean(text).strip()))
        return [self._asked(lane, sampling) for lane in lanes]

    def answer(self, asked: Sequence[Asked], sampling: Sampling, cancel: Cancel | None = None) -> Iterator[Event]:
        """Stream the lanes' replies; the first lane's is kept, a cancelled half as such."""
        stream = self.engine.stream([a.lane for a in asked], [a.ids for a in asked], sampling, cancel)
        for event in stream:
            if isinstance(event, Finished) and event.lane == asked[0].lane:
                self._remember(Turn("assistant", event.text.strip()), event.lane.name, asked[0].prefixes, event.stopped)
            yield event

    def _asked(self, lane: Lane, sampling: Sampling) -> Asked:
        active = tuple(self.active) if lane.prefix else ()
        context = self.engine.base.context
        reserve = min(sampling.max_new_tokens, context // 2)
        start = fit_start(self.voice, self.history, self._starts.get(active, 0), reserve, active, context)
        self._starts[active] = start
        return Asked(lane, active, tuple(self.voice.prompt_ids(self.history[start:], active)))

    def _remember(
        self, turn: Turn, lane: str | None = None, prefixes: Sequence[str] = (), stopped: str | None = None
    ) -> None:
        self.history.append(turn)
        if self.store is not None:
            if self._chat is None:
                self._chat = self.store.new_chat(self.voice.card.name)
            self._parent = self.store.add(
                self._chat, self._parent, turn.role, turn.text, lane=lane, prefixes=prefixes, stopped=stopped
            )


def card_sampling(card: Card, typed: Mapping[str, float | int | None]) -> Sampling:
    """Chat defaults < card < typed."""
    values = {key: value for key, value in card.generation.model_dump().items() if value is not None}
    values |= {key: value for key, value in typed.items() if value is not None}
    return Sampling(**values)
