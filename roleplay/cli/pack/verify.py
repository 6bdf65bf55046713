"""`roleplay pack verify`: whether an installed pack is still what it was, and says the same here."""

import typer

from roleplay.cli.output import emit, emit_json, say


def verify(
    name: str = typer.Argument(help="Name of a character."),
    version: str = typer.Argument(None, help="A version of 'pack list'; the one in use if left out."),
    base: str = typer.Option(None, "--base", help="Folder or hub id of its base, where it has another name here."),
    canaries: bool = typer.Option(True, "--canaries/--no-canaries", help="Whether its canaries are run."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Hold every file of an installed pack against its manifest, then run its canaries."""
    from roleplay.packs.keep import changed_files, find_pack
    from roleplay.packs.verdict import run_canaries
    from roleplay.paths import find_home

    home = find_home()
    pack = find_pack(home, name, version)
    changed = changed_files(pack)
    verdict = None
    if not changed and canaries and pack.manifest is not None:
        verdict = run_canaries(pack.folder, pack.manifest, home, base, say)
    if as_json:
        told = None if verdict is None else verdict.sentence
        emit_json({"name": name, "version": pack.version, "changed": changed, "verdict": told})
    else:
        for one in changed:
            emit(one)
        if not changed:
            emit(f"{name} {pack.version}: every file is as it came")
        if verdict is not None:
            emit(verdict.sentence)
    if changed:
        say(f"install the pack again, or go back with 'roleplay pack rollback {name}'")
    if changed or (verdict is not None and verdict.reproduces is False):
        raise typer.Exit(1)
