"""`roleplay cards export`: a character as a tavern card."""

from pathlib import Path

import typer

from roleplay.cli.output import emit, emit_json, say


def export_card(
    name: str = typer.Argument(help="Name of a character, or a card's path."),
    format_: str = typer.Option(..., "--format", help="v3-png, v2-png, v3-json, v2-json, charx or webui."),
    out: Path = typer.Option(None, "--out", help="File or folder; the current folder if left out."),
    force: bool = typer.Option(False, "--force", help="Replace a file that is there."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Export a character for other programs; what they have no field for goes along unseen."""
    from dataclasses import asdict

    from roleplay.authoring.tavern_out import check_format, export_card
    from roleplay.cards.find import open_card
    from roleplay.paths import find_home, shown

    wanted = check_format(format_)
    done = export_card(open_card(name, find_home()), wanted, out, force=force)
    if as_json:
        emit_json(asdict(done) | {"path": str(done.path)})
    else:
        emit(str(done.path))
        for corpus in done.carried:
            say(f"carries {corpus}")
    for what in done.left_behind:
        say(f"left behind: {what}")
    if not as_json:
        say(f"to read it back: roleplay cards import {shown(done.path)}")
