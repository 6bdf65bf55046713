"""Everything a chat needs, loaded: card, base, and the adapter that answers for the character."""

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from roleplay.cards.load import CardFile
from roleplay.cards.model import KNOWLEDGE
from roleplay.chat.asked import ask_in
from roleplay.chat.choice import choose
from roleplay.chat.inspection import LookUp, Sent, Weigh, Weighed, WeighedToken
from roleplay.chat.question import Heard, Question
from roleplay.chat.sent import token_texts, what_was_sent
from roleplay.dataset.build import card_prefixes
from roleplay.dataset.render import make_renderer
from roleplay.dataset.unit import Voice
from roleplay.errors import AdapterError
from roleplay.generation.engine import Engine
from roleplay.generation.events import Cancel
from roleplay.generation.lanes import Lane
from roleplay.knowledge.memory import Memory
from roleplay.models.adapter import load_adapter
from roleplay.models.base import Base, choose_device, load_base
from roleplay.models.find import adapter_choices
from roleplay.models.passport import Passport, read_passport
from roleplay.paths import Home
from roleplay.text import did_you_mean


@dataclass(frozen=True)
class Opened:
    """A character that is ready to answer."""

    voice: Voice
    """Card, prefixes and renderer."""
    engine: Engine
    """Base and adapter."""
    passport: Passport | None
    """Of the adapter; `None` where the base answers alone."""
    notice: str
    """What the person should know, such as a missing adapter; else empty."""
    home: Home
    """Where other adapters of the character are found."""
    folder: Path | None = None
    """Where the adapter lies; `None` where the base answers alone."""

    @property
    def adapter(self) -> str | None:
        """The adapter as `character/run@step`; `None` where the base answers alone."""
        return None if self.passport is None else self.passport.label

    def answer(self, question: Question, cancel: Cancel | None = None) -> Iterator[Heard]:
        """Render what each lane is sent, then stream the replies."""
        voice, asked = self._voice(question), []
        said = [tuple(voice.renderer.text_ids(ask.said)) if ask.said else () for ask in question.asks]
        self._attach([question.adapter, *(ask.lane.which for ask in question.asks)])
        for ask, begun in zip(question.asks, said, strict=True):
            asked.append(ask_in(voice, ask, question.sampling.max_new_tokens, self.engine.base.context, begun))
        yield from asked
        self.engine.chosen = question.adapter
        yield from self.engine.stream(
            [a.lane for a in asked],
            [a.ids for a in asked],
            question.sampling,
            cancel,
            strength=question.strength,
            said=[len(begun) for begun in said],
        )

    def look_up(self, request: LookUp) -> Iterator[Sent]:
        """What each lane is sent for a question."""
        voice = self._voice(request.question)
        for ask in request.question.asks:
            context = self.engine.base.context
            asked = ask_in(voice, ask, request.question.sampling.max_new_tokens, context)
            yield what_was_sent(voice, ask, asked, context)

    def weigh(self, request: Weigh) -> Weighed:
        """How likely each token of a reply is with the adapter, and without, after the same prompt."""
        question = request.question
        voice, ask = self._voice(question), question.asks[0]
        self._attach([question.adapter])
        self.engine.chosen = question.adapter
        ids = ask_in(voice, ask, question.sampling.max_new_tokens, self.engine.base.context).ids
        reply = voice.renderer.text_ids(request.reply)
        lanes = [Lane(adapter, ask.lane.prefix) for adapter in (True, False)]
        persona, base = self.engine.score(lanes, [ids, ids], [reply, reply], strength=question.strength)
        texts = token_texts(voice.renderer.tokenizer, reply)
        return Weighed(tuple(WeighedToken(*parts) for parts in zip(texts, persona, base, strict=True)))

    @functools.cached_property
    def memory(self) -> Memory:
        """What the character can recall."""
        card = self.voice.card
        return Memory(card, self.home.knowledge_of(card.name), self.voice.renderer.count, self.engine.base.context)

    def _voice(self, question: Question) -> Voice:
        """The voice with the card that the chat was begun with, and what its lanes may recall."""
        voice, card = self.voice, question.card
        if card is not None:
            voice = replace(voice, card=card, prefixes=card_prefixes(card, voice.renderer))
        if any(KNOWLEDGE in ask.prefixes for ask in question.asks):
            voice = replace(voice, recall=self.memory.recall(question.pinned, question.excluded, card))
        return voice

    def _attach(self, labels: Iterable[str]) -> None:
        """Load the adapters that a question names. Raises AdapterError."""
        wanted = set(labels) - {""}
        choices = (
            {choice.label: choice for choice in adapter_choices(self.home, self.voice.card.name)} if wanted else {}
        )
        for label in wanted:
            if label not in choices:
                raise AdapterError(f"{self.voice.card.name} has no adapter '{label}'; {did_you_mean(label, choices)}")
            self.engine.attach(label, choices[label].folder)


def open_character(
    card_file: CardFile,
    home: Home,
    *,
    base: str | None = None,
    run: str | None = None,
    which: str = "best",
    trust_remote_code: bool = False,
    quant: str | None = None,
    device: str = "auto",
    dtype: str | None = None,
    compile: bool = False,
    tell: Callable[[str], None] = lambda stage: None,
) -> Opened:
    """Load base and adapter. A missing adapter is a notice, one that was asked for by `run` an error.

    The base is the typed one, else that of the chosen adapter, else the card's; it is kept in memory as `quant` says,
    else as that adapter's run kept it. `tell` hears what is being loaded. Raises BaseModelError, TemplateError or
    AdapterError.
    """
    choice = choose(card_file, home, base=base, run=run, which=which, trust_remote_code=trust_remote_code, quant=quant)
    tell(f"loading the base {choice.spec.name}")
    precision = None if dtype is None else {"float32": torch.float32, "bfloat16": torch.bfloat16}[dtype]
    loaded = load_base(choice.spec, dtype=precision, device=choose_device(device), quant=choice.quant)
    folder, notice = choice.fitting(loaded.identity)
    tell("attaching the adapter" if folder is not None else "reading the chat template")
    opened = open_on(card_file, home, loaded, folder, compile=compile)
    return replace(opened, notice=". ".join(filter(None, (notice, opened.memory.unread))))


def open_on(card_file: CardFile, home: Home, base: Base, folder: Path | None, *, compile: bool = False) -> Opened:
    """The character on a `base` in memory, with the adapter in `folder`; `None` lets the base answer alone.

    Raises TemplateError or AdapterError.
    """
    renderer = make_renderer(base.tokenizer)
    voice = Voice(card_file.card, card_prefixes(card_file.card, renderer), renderer)
    tuned = load_adapter(base, folder) if folder is not None else None
    engine = Engine(base, tuned, [renderer.traits.end_of_turn_id], compile=compile)
    return Opened(voice, engine, read_passport(folder) if folder is not None else None, "", home, folder)
