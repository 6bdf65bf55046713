"""The index of a character that commands look into."""

from typing import TYPE_CHECKING

import typer

from roleplay.errors import NotFound

if TYPE_CHECKING:
    from roleplay.knowledge.search import Index

NAME = typer.Argument(help="Name of a character, or a card's path.")


def open_index(name: str) -> "Index":
    """Raises NotFound where its books were never read."""
    from roleplay.cards.find import open_card
    from roleplay.knowledge.search import Index
    from roleplay.paths import find_home

    home = find_home()
    card = open_card(name, home).card
    path = home.knowledge_of(card.name)
    if not path.is_file():
        raise NotFound(f"the books of {card.name} were not read yet; 'roleplay knowledge build {card.name}' does that")
    return Index(path)
