"""A character's books, read into its index for a base's tokenizer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from roleplay.cards.load import CardFile, knowledge_folders
from roleplay.dataset.render import make_renderer
from roleplay.errors import NotFound, StorageError
from roleplay.knowledge.build import Built, Report, build
from roleplay.knowledge.embed import open_embedder
from roleplay.knowledge.read.document import read_document
from roleplay.knowledge.read.sources import find_sources
from roleplay.knowledge.search import Index
from roleplay.knowledge.source import Source
from roleplay.knowledge.split import BUDGET, OVERLAP
from roleplay.models.base import load_tokenizer
from roleplay.models.find import adapter_folders, base_of_adapter
from roleplay.models.spec import parse_spec
from roleplay.paths import Home, shown

NONE = "none"
"""As an embedder: search by words alone."""


@dataclass(frozen=True)
class Wish:
    """How books are to be read."""

    base: str | None = None
    """Whose tokenizer counts; `None` is the base that answers for the character."""
    embedder: str | None = None
    """A sentence-transformers model by id or path, or `none`; `None` keeps what the index has."""
    device: str = "auto"
    """Where the embedder computes."""
    budget: int = BUDGET
    """Most tokens of a passage."""
    overlap: int = OVERLAP
    """Tokens that neighbours share where one paragraph is cut."""
    trust_remote_code: bool = False
    """Whether the base's own code may run."""


def find_books(card_file: CardFile, home: Home) -> tuple[list[Source], list[str]]:
    """The files that the card names, and those in its folders that no reader knows. Raises NotFound.

    A card that came in a pack names none outside of it.
    """
    card = card_file.card
    if not card.knowledge:
        raise NotFound(
            f"{shown(card_file.path)} names no books; add 'knowledge: [FILE or FOLDER]' for what the character knows"
        )
    own = not card_file.path.resolve().is_relative_to(home.packs.resolve())
    return find_sources(card.knowledge, knowledge_folders(card_file.path), anywhere=own)


def read_books(card_file: CardFile, home: Home, sources: Sequence[Source], wish: Wish, report: Report) -> Built:
    """Bring the index up to date. Raises what `build` raises, BaseModelError and UsageError."""
    name = card_file.card.name
    path = home.knowledge_of(name)
    adapters = adapter_folders(home, name)
    base = wish.base or (base_of_adapter(adapters[0]) if adapters else None) or card_file.card.base
    spec = parse_spec(base, trust_remote_code=wish.trust_remote_code)
    renderer = make_renderer(load_tokenizer(spec))
    wanted = _kept_embedder(path) if wish.embedder is None else wish.embedder
    embedder = open_embedder(None if wanted in (None, NONE) else wanted, wish.device)
    return build(
        path,
        sources,
        read_document,
        renderer.count,
        embedder,
        tokenizer=spec.reference,
        budget=wish.budget,
        overlap=wish.overlap,
        report=report,
    )


def _kept_embedder(path: Path) -> str | None:
    """What the index was built with last time; `None` where there is none, or one that is built anew."""
    try:
        with Index(path) as index:
            return index.reference
    except (NotFound, StorageError):  # building makes it anew, or tells what is wrong with it
        return None
