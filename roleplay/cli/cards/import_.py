"""`roleplay cards import`: a tavern card becomes a character."""

from pathlib import Path

import typer

from roleplay.cli.output import emit, emit_json, emit_painted, say


def import_card(
    file: Path = typer.Argument(help="A .png, .json, .charx or .yaml card.", metavar="FILE"),
    name: str = typer.Option(None, "--name", help="Name of the character; made of the card's if left out."),
    into: Path = typer.Option(None, "--into", help="Folder of characters; ./characters or the home if left out."),
    force: bool = typer.Option(False, "--force", help="Replace a character of that name."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Import a tavern card; every field is put to use or kept for an export."""
    from dataclasses import asdict

    from roleplay.authoring.tavern_in import default_folder, import_card
    from roleplay.paths import find_home, shown

    home = find_home()
    done = import_card(file, into or default_folder(home), name=name, force=force)
    if as_json:
        paths = {"path": str(done.path), "avatar": str(done.avatar) if done.avatar else None}
        emit_json(asdict(done) | paths | {"corpora": [str(path) for path in done.corpora]})
    else:
        for entry in done.became:
            emit_painted([(f"{entry.field:<26}", "36"), (f" {entry.place}", "")])
        for path in done.corpora:
            emit(f"corpus: {shown(path)}")
        if done.avatar:
            emit(f"avatar: {shown(done.avatar)}")
        if done.archive_files:
            emit(f"files of the archive: {done.archive_files}")
        if done.aside:
            emit(f"kept aside, given back on export: {', '.join(done.aside)}")
        if done.as_written:
            emit(f"kept as it was written too: {', '.join(done.as_written)}")
        if done.loose_examples:
            emit(f"mes_example: {done.loose_examples} pieces that are no talk, kept aside")
    for warning in done.warnings:
        say(f"warning: the card {warning}")
    say(f"wrote {shown(done.path)}")
    say(done.next_step(home))
