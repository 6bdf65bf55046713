"""`roleplay locate`: where things lie."""

import typer

from roleplay.cli.output import emit, emit_json


def locate(as_json: bool = typer.Option(False, "--json", help="Print one JSON object.")) -> None:
    """Show the folders and files roleplay uses."""
    from roleplay.paths import find_home, shipped

    home = find_home()
    places = {
        "home": str(home.root),
        "characters": str(home.characters),
        "runs": str(home.runs),
        "packs": str(home.packs),
        "chats": str(home.chats),
        "pocket": str(shipped() / "data" / "pocket"),
    }
    if as_json:
        emit_json(places)
        return
    for name, path in places.items():
        emit(f"{name:<11} {path}")
