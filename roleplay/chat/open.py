"""Everything a chat needs, loaded: card, base, and the adapter that answers for the character."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from roleplay.cards.load import CardFile
from roleplay.chat.inspection import LookUp, Sent, Weigh, Weighed, WeighedToken
from roleplay.chat.question import Ask, Asked, Heard, Question
from roleplay.chat.sent import token_texts, what_was_sent
from roleplay.dataset.build import card_prefixes
from roleplay.dataset.render import make_renderer
from roleplay.dataset.unit import Voice, fit_start
from roleplay.errors import AdapterError
from roleplay.generation.engine import Engine
from roleplay.generation.events import Cancel
from roleplay.generation.lanes import Lane
from roleplay.generation.settings import Sampling
from roleplay.models.adapter import check_adapter, load_adapter
from roleplay.models.base import Base, choose_device, load_base
from roleplay.models.find import adapter_choices, adapter_folders, base_of_adapter, quant_of_adapter
from roleplay.models.passport import Passport, read_passport
from roleplay.models.promoted import promotion_trouble
from roleplay.models.spec import parse_spec
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
            asked.append(self._asked(voice, ask, question.sampling, begun))
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
            yield what_was_sent(
                voice, ask, self._asked(voice, ask, request.question.sampling, ()), self.engine.base.context
            )

    def weigh(self, request: Weigh) -> Weighed:
        """How likely each token of a reply is with the adapter, and without, after the same prompt."""
        question = request.question
        voice, ask = self._voice(question), question.asks[0]
        self._attach([question.adapter])
        self.engine.chosen = question.adapter
        ids = self._asked(voice, ask, question.sampling, ()).ids
        reply = voice.renderer.text_ids(request.reply)
        lanes = [Lane(adapter, ask.lane.prefix) for adapter in (True, False)]
        persona, base = self.engine.score(lanes, [ids, ids], [reply, reply], strength=question.strength)
        texts = token_texts(voice.renderer.tokenizer, reply)
        return Weighed(tuple(WeighedToken(*parts) for parts in zip(texts, persona, base, strict=True)))

    def _voice(self, question: Question) -> Voice:
        """The voice with the card that the chat was begun with."""
        card = question.card
        return (
            self.voice
            if card is None
            else replace(self.voice, card=card, prefixes=card_prefixes(card, self.voice.renderer))
        )

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

    def _asked(self, voice: Voice, ask: Ask, sampling: Sampling, said: tuple[int, ...]) -> Asked:
        context = self.engine.base.context
        reserve = min(sampling.max_new_tokens + len(said), context // 2)
        start = fit_start(voice, ask.turns, ask.start, reserve, ask.prefixes, context)
        ids = (*voice.prompt_ids(ask.turns[start:], ask.prefixes), *said)
        return Asked(ask.lane, ask.prefixes, start, ids)


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
    name = card_file.card.name
    folders = adapter_folders(home, name, which)
    if run is not None:
        by_run = {folder.parents[1].name: folder for folder in folders if folder.is_relative_to(home.root)}
        if run not in by_run:
            raise AdapterError(f"{name} has no finished run '{run}'; {did_you_mean(run, by_run)}")
        folders = [by_run[run]]
    wanted = base or (base_of_adapter(folders[0]) if folders else None) or card_file.card.base
    spec = parse_spec(wanted, trust_remote_code=trust_remote_code)
    tell(f"loading the base {spec.name}")
    kept = quant or (quant_of_adapter(folders[0]) if folders else "none")
    precision = None if dtype is None else {"float32": torch.float32, "bfloat16": torch.bfloat16}[dtype]
    loaded = load_base(spec, dtype=precision, device=choose_device(device), quant=kept)
    folder, notice = _fitting(folders, loaded, name, strict=run is not None)
    trouble = promotion_trouble(home, name) if run is None else ""
    tell("attaching the adapter" if folder is not None else "reading the chat template")
    opened = open_on(card_file, home, loaded, folder, compile=compile)
    return replace(opened, notice=". ".join(filter(None, (trouble, notice))))


def open_on(card_file: CardFile, home: Home, base: Base, folder: Path | None, *, compile: bool = False) -> Opened:
    """The character on a `base` in memory, with the adapter in `folder`; `None` lets the base answer alone.

    Raises TemplateError or AdapterError.
    """
    renderer = make_renderer(base.tokenizer)
    voice = Voice(card_file.card, card_prefixes(card_file.card, renderer), renderer)
    tuned = load_adapter(base, folder) if folder is not None else None
    engine = Engine(base, tuned, [renderer.traits.end_of_turn_id], compile=compile)
    return Opened(voice, engine, read_passport(folder) if folder is not None else None, "", home, folder)


def _fitting(folders: list[Path], base: Base, name: str, *, strict: bool) -> tuple[Path | None, str]:
    """The first adapter that belongs to `base`, and what to say where the preferred one does not."""
    notice = ""
    for folder in folders:
        try:
            check_adapter(folder, base.identity)
        except AdapterError as error:
            if strict:
                raise
            notice = notice or str(error)
            continue
        return folder, notice
    reason = notice or f"{name} has no adapter yet"
    return None, f"{reason}. The base answers with the prefix alone; 'roleplay train {name}' gives it the voice"
