"""The canaries that a pack takes along: those of the run where they still hold, else made anew."""

from collections.abc import Callable
from itertools import chain
from pathlib import Path

from roleplay.cards.load import CardFile
from roleplay.chat.open import open_on
from roleplay.dataset.build import card_prefixes
from roleplay.dataset.entries import entry_dialogues
from roleplay.dataset.render import make_renderer
from roleplay.dataset.unit import Voice
from roleplay.dialogue import Dialogue
from roleplay.errors import AdapterError, BaseModelError, ContextFull, TemplateError
from roleplay.generation.canaries import CANARIES, Canaries, canaries_bytes, read_canaries
from roleplay.generation.canary_check import adapter_hash, canary_texts, make_canaries, rendered_otherwise
from roleplay.models.base import load_base, load_tokenizer
from roleplay.models.find import SHIPPED, AdapterChoice, base_of_adapter
from roleplay.models.spec import parse_spec
from roleplay.paths import Home


def canaries_of(card_file: CardFile, home: Home, adapter: AdapterChoice, tell: Callable[[str], None]) -> bytes | str:
    """The file of canaries for `adapter` under the card as it is now, or why there is none."""
    try:
        spec = parse_spec(base_of_adapter(adapter.folder))
        kept = _kept(adapter)
        renderer = make_renderer(load_tokenizer(spec))
        voice = Voice(card_file.card, card_prefixes(card_file.card, renderer), renderer)
        if kept is None or rendered_otherwise(voice, kept):
            tell(f"making canaries on {spec.name}: the adapter has none for the card as it is")
            opened = open_on(card_file, home, load_base(spec), adapter.folder)
            texts = canary_texts(card_file.card, _dialogues(card_file))
            kept = make_canaries(opened.engine, opened.voice, texts, adapter_hash(adapter.folder))
    except (BaseModelError, TemplateError, AdapterError, ContextFull) as error:
        return str(error)
    return canaries_bytes(kept)


def kept_canaries(adapter: AdapterChoice) -> Path:
    """Where those of an adapter lie: beside the run, or beside the adapters that ship."""
    return (adapter.folder.parent if adapter.run == SHIPPED else adapter.folder.parents[1]) / CANARIES


def _kept(adapter: AdapterChoice) -> Canaries | None:
    """Canaries of these very weights; `None` where there are none."""
    try:
        found = read_canaries(kept_canaries(adapter))
    except AdapterError:
        return None
    return found if found.adapter == adapter_hash(adapter.folder) else None


def _dialogues(card_file: CardFile) -> list[Dialogue]:
    kinds = [entry.kind for entry in card_file.card.corpora]
    spoken = [entry_dialogues(card_file, at).dialogues for at, kind in enumerate(kinds) if kind == "dialogue"]
    return list(chain.from_iterable(spoken))
