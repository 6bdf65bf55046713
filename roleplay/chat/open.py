"""Everything a chat needs, loaded: card, base, and the adapter that answers for the character."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from roleplay.cards.load import CardFile
from roleplay.chat.question import Ask, Asked, Heard, Question
from roleplay.dataset.build import card_prefixes
from roleplay.dataset.render import make_renderer
from roleplay.dataset.unit import Voice, fit_start
from roleplay.errors import AdapterError
from roleplay.generation.engine import Engine
from roleplay.generation.events import Cancel
from roleplay.models.adapter import check_adapter, load_adapter
from roleplay.models.base import Base, load_base
from roleplay.models.find import adapter_folders, base_of_adapter, quant_of_adapter
from roleplay.models.passport import Passport, read_passport
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

    @property
    def adapter(self) -> str | None:
        """The adapter as `character/run@step`; `None` where the base answers alone."""
        return None if self.passport is None else self.passport.label

    def answer(self, question: Question, cancel: Cancel | None = None) -> Iterator[Heard]:
        """Render what each lane is sent, then stream the replies."""
        asked = [self._asked(ask, question) for ask in question.asks]
        yield from asked
        yield from self.engine.stream([a.lane for a in asked], [a.ids for a in asked], question.sampling, cancel)

    def _asked(self, ask: Ask, question: Question) -> Asked:
        context = self.engine.base.context
        reserve = min(question.sampling.max_new_tokens, context // 2)
        start = fit_start(self.voice, question.turns, ask.start, reserve, ask.prefixes, context)
        return Asked(ask.lane, ask.prefixes, start, tuple(self.voice.prompt_ids(question.turns[start:], ask.prefixes)))


def open_character(
    card_file: CardFile,
    home: Home,
    *,
    base: str | None = None,
    run: str | None = None,
    which: str = "best",
    trust_remote_code: bool = False,
    quant: str | None = None,
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
        by_run = {folder.parents[1].name: folder for folder in folders if folder.is_relative_to(home.runs)}
        if run not in by_run:
            raise AdapterError(f"{name} has no finished run '{run}'; {did_you_mean(run, by_run)}")
        folders = [by_run[run]]
    wanted = base or (base_of_adapter(folders[0]) if folders else None) or card_file.card.base
    spec = parse_spec(wanted, trust_remote_code=trust_remote_code)
    tell(f"loading the base {spec.name}")
    kept = quant or (quant_of_adapter(folders[0]) if folders else "none")
    loaded = load_base(spec, quant=kept)
    folder, notice = _fitting(folders, loaded, name, strict=run is not None)
    tell("attaching the adapter" if folder is not None else "reading the chat template")
    tuned = load_adapter(loaded, folder) if folder is not None else None
    renderer = make_renderer(loaded.tokenizer)
    voice = Voice(card_file.card, card_prefixes(card_file.card, renderer), renderer)
    engine = Engine(loaded, tuned, [renderer.traits.end_of_turn_id])
    return Opened(voice, engine, read_passport(folder) if folder is not None else None, notice)


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
