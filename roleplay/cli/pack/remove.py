"""`roleplay pack remove`: a pack goes, conversations stay."""

import sys

import typer

from roleplay.cli.output import emit, say


def remove(
    name: str = typer.Argument(help="Name of a character."),
    version: str = typer.Argument(None, help="A version of 'pack list'; all versions if left out."),
    yes: bool = typer.Option(False, "--yes", help="Do not ask."),
) -> None:
    """Remove a pack, or one version of it; conversations and trainings stay."""
    from roleplay.cards.find import find_cards
    from roleplay.errors import UsageError
    from roleplay.packs.keep import find_pack, installed_packs, remove
    from roleplay.paths import find_home, shown

    home = find_home()
    gone = [find_pack(home, name, version)] if version else installed_packs(home, name) or [find_pack(home, name)]
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("removing cannot be undone, and nobody can be asked here; add --yes")
        typer.confirm(f"remove {', '.join(pack.version for pack in gone)} of {name}?", abort=True, err=True)
    for pack in remove(home, name, version):
        emit(shown(pack.folder))
    left = find_cards(home).get(name)
    say(f"{name} is now {shown(left[0])}" if left is not None else f"there is no character '{name}' any more")
