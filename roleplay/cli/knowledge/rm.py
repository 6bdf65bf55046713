"""`roleplay knowledge rm`: forget a book, or all."""

import typer

from roleplay.cli.knowledge.open import NAME, open_index
from roleplay.cli.output import say


def rm(
    name: str = NAME,
    file: str | None = typer.Argument(None, help="A file as stats shows it; all of them if left out."),
    yes: bool = typer.Option(False, "--yes", help="Do not ask."),
) -> None:
    """Take a file's passages, or all, out of the index; the files themselves stay."""
    from roleplay.cards.find import open_card
    from roleplay.knowledge.database import remove_index
    from roleplay.paths import find_home

    if file is not None:
        with open_index(name) as index:
            index.remove(file)
        say(f"{file} is out of the index; a build puts it back while the card names it")
        return
    home = find_home()
    card = open_card(name, home).card
    path = home.knowledge_of(card.name)
    if path.is_file() and not yes:
        typer.confirm(f"Remove all that was read of the books of {card.name}?", abort=True, err=True)
    remove_index(path)
    say(f"the index of {card.name} is gone; 'roleplay knowledge build {card.name}' makes it again")
