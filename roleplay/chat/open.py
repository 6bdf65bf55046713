"""Everything a chat needs, loaded: card, base, and the adapter that answers for the character."""

from dataclasses import dataclass
from pathlib import Path

from roleplay.cards.load import CardFile
from roleplay.dataset.build import card_prefixes
from roleplay.dataset.render import make_renderer
from roleplay.dataset.unit import Voice
from roleplay.errors import AdapterError
from roleplay.generation.engine import Engine
from roleplay.models.adapter import Passport, check_adapter, load_adapter, read_passport
from roleplay.models.base import Base, load_base
from roleplay.models.find import adapter_folders, base_of_adapter
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


def open_character(
    card_file: CardFile,
    home: Home,
    *,
    base: str | None = None,
    run: str | None = None,
    which: str = "best",
    trust_remote_code: bool = False,
) -> Opened:
    """Load base and adapter. A missing adapter is a notice, one that was asked for by `run` an error.

    The base is the typed one, else that of the chosen adapter, else the card's.
    Raises BaseModelError, TemplateError or AdapterError.
    """
    name = card_file.card.name
    folders = adapter_folders(home, name, which)
    if run is not None:
        by_run = {folder.parents[1].name: folder for folder in folders if folder.is_relative_to(home.runs)}
        if run not in by_run:
            raise AdapterError(f"{name} has no finished run '{run}'; {did_you_mean(run, by_run)}")
        folders = [by_run[run]]
    wanted = base or (base_of_adapter(folders[0]) if folders else None) or card_file.card.base
    loaded = load_base(parse_spec(wanted, trust_remote_code=trust_remote_code))
    folder, notice = _fitting(folders, loaded, name, strict=run is not None)
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
