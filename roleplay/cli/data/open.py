"""Options that every look at a dataset takes, and the dataset they name."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from roleplay.dataset.corpus import Corpus

NAME = typer.Argument(help="Name of a character, or a card's path.")
BASE = typer.Option(None, "--base", help="Base whose tokenizer renders: pocket, a folder or a hub id[@revision].")
LENGTH = typer.Option(1024, "--max-length", min=16, help="Longest sequence in tokens.")
SEED = typer.Option(0, "--seed", help="Seed of order and prefix draws.")
TRUST = typer.Option(False, "--trust-remote-code", help="Let the base's own code run.")


def open_corpus(
    name: str, base: str | None, max_length: int, seed: int, trust_remote_code: bool, *, apart: bool = False
) -> "Corpus":
    """The corpus of the character `name`, rendered for a base; `apart` where its sequences do not matter.

    Raises what its parts raise.
    """
    from roleplay.cards.find import open_card
    from roleplay.dataset.build import build_corpus
    from roleplay.dataset.render import make_renderer
    from roleplay.knowledge.memory import Memory
    from roleplay.models.base import load_context, load_tokenizer
    from roleplay.models.spec import parse_spec
    from roleplay.paths import find_home

    home = find_home()
    card_file = open_card(name, home)
    spec = parse_spec(base or card_file.card.base, trust_remote_code=trust_remote_code)
    limit = min(max_length, load_context(spec))
    renderer = make_renderer(load_tokenizer(spec))
    memory = Memory(card_file.card, home.knowledge_of(card_file.card.name), renderer.count, limit)
    return build_corpus(card_file, renderer, limit=limit, seed=seed, apart=apart, practise=memory.practice)
