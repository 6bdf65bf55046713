"""`roleplay pack rollback`: an earlier version of a character is used again."""

import typer

from roleplay.cli.output import emit, emit_json


def rollback(
    name: str = typer.Argument(help="Name of a character."),
    version: str = typer.Argument(None, help="A version of 'pack list'; the one in use before if left out."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Use another version of a pack that is kept; nothing is removed."""
    from roleplay.packs.keep import roll_back
    from roleplay.paths import find_home

    now = roll_back(find_home(), name, version)
    if as_json:
        emit_json({"name": now.name, "version": now.version, "folder": str(now.folder)})
    else:
        emit(f"{now.name} {now.version}")
