"""The characters that are served, loaded: each base once, their adapters beside each other on it."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from roleplay.cards.load import CardFile
from roleplay.cards.model import KNOWLEDGE, Card
from roleplay.cards.prompt import default_prefixes
from roleplay.chat.choice import Choice, choose
from roleplay.dataset.build import card_prefixes
from roleplay.dataset.render import Renderer, make_renderer
from roleplay.dataset.unit import Voice
from roleplay.errors import UsageError
from roleplay.generation.engine import Engine
from roleplay.generation.lanes import Lane
from roleplay.generation.rolling import ROWS, WAITING, Rolling
from roleplay.knowledge.memory import Memory
from roleplay.models.base import Base, choose_device, load_base
from roleplay.models.passport import read_passport
from roleplay.paths import Home
from roleplay.serve.model import Model
from roleplay.serve.starts import Starts

BARE = ":no-prefix"
"""Ends the name of a character that answers without the card's prefixes."""


@dataclass(frozen=True)
class Wanted:
    """What was typed about bases and adapters; the same for every character."""

    base: str | None = None
    """The typed base; `None` leaves the choice to adapter and card."""
    which: str = "best"
    """`best`, `last`, or `epoch-N` where that was kept."""
    trust_remote_code: bool = False
    """Whether the base's own code may run."""
    quant: str | None = None
    """How bases are kept in memory; `None` keeps them as the adapters' runs did."""
    device: str = "auto"
    """`auto`, `cpu` or `cuda`."""
    dtype: str | None = None
    """Precision of the weights; `None` is the device's."""
    rows: int = ROWS
    """Replies that a base computes at once."""
    waiting: int = WAITING
    """Replies that wait for a place, for each base."""


@dataclass(frozen=True)
class _Loaded:
    """A base in memory."""

    base: Base
    renderer: Renderer
    rolling: Rolling
    lock: threading.Lock


def open_models(
    cards: Sequence[CardFile], home: Home, wanted: Wanted, tell: Callable[[str], object]
) -> dict[str, Model]:
    """Every name that is answered to: of each character two, or one where it has no adapter, then the bases.

    `tell` hears what is being loaded and what a person should know. Raises UsageError where two of them would share a
    name; BaseModelError, TemplateError or AdapterError.
    """
    chosen = [(card, _choose(card, home, wanted)) for card in cards]
    loaded: dict[tuple[str, str], _Loaded] = {}
    models: dict[str, Model] = {}
    for card, choice in chosen:
        key = (choice.spec.reference, choice.quant)
        if key not in loaded:
            tell(f"loading the base {choice.spec.name}")
            loaded[key] = _load(choice, wanted)
        for model in _character(card, home, choice, loaded[key], tell):
            _add(models, model)
    for one in loaded.values():
        _add(models, _base(one))
    return models


def _choose(card: CardFile, home: Home, wanted: Wanted) -> Choice:
    return choose(
        card,
        home,
        base=wanted.base,
        which=wanted.which,
        trust_remote_code=wanted.trust_remote_code,
        quant=wanted.quant,
    )


def _load(choice: Choice, wanted: Wanted) -> _Loaded:
    precision = None if wanted.dtype is None else {"float32": torch.float32, "bfloat16": torch.bfloat16}[wanted.dtype]
    base = load_base(choice.spec, dtype=precision, device=choose_device(wanted.device), quant=choice.quant)
    renderer = make_renderer(base.tokenizer)
    engine = Engine(base, None, [renderer.traits.end_of_turn_id])
    return _Loaded(base, renderer, Rolling(engine, rows=wanted.rows, waiting=wanted.waiting), threading.Lock())


def _character(
    card: CardFile, home: Home, choice: Choice, loaded: _Loaded, tell: Callable[[str], object]
) -> list[Model]:
    name = card.card.name
    folder, notice = choice.fitting(loaded.base.identity)
    if notice:
        tell(notice)
    about, parent = _exactly(loaded.base), loaded.base.identity.name
    if folder is not None:
        loaded.rolling.engine.attach(name, folder)
        about = f"{read_passport(folder).label} on {about}"
    prefixes = card_prefixes(card.card, loaded.renderer)
    active = tuple(default_prefixes(prefixes))
    memory = Memory(card.card, home.knowledge_of(name), loaded.renderer.count, loaded.base.context)
    if memory.unread:
        tell(memory.unread)
    recall = memory.recall() if KNOWLEDGE in active else None
    voice = Voice(card.card, prefixes, loaded.renderer, recall)
    lanes = [(name, active)] + ([(name + BARE, ())] if folder is not None else [])
    return [
        Model(
            id=served,
            lane=Lane(adapter=folder is not None, prefix=bool(sent), which=name if folder is not None else ""),
            voice=voice,
            prefixes=sent,
            rolling=loaded.rolling,
            about=about,
            parent=parent,
            lock=loaded.lock,
            starts=Starts(),
        )
        for served, sent in lanes
    ]


def _base(loaded: _Loaded) -> Model:
    card = Card(schema=1, name="base", display_name="Assistant", language="en")
    return Model(
        id=loaded.base.identity.name,
        lane=Lane(adapter=False, prefix=False),
        voice=Voice(card, (), loaded.renderer),
        prefixes=(),
        rolling=loaded.rolling,
        about=_exactly(loaded.base),
        parent=None,
        lock=loaded.lock,
        starts=Starts(),
    )


def _exactly(base: Base) -> str:
    version = base.identity.revision or (base.identity.weights or "")[:12]
    return f"{base.identity.name}@{version}" if version else base.identity.name


def _add(models: dict[str, Model], model: Model) -> None:
    if model.id in models:
        raise UsageError(f"two things would be served as '{model.id}'; serve them apart, each on a port of its own")
    models[model.id] = model
