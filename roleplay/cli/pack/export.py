"""`roleplay pack export`: a character as one file."""

from pathlib import Path

import typer

from roleplay.cli.output import emit, emit_json, say


def export(
    name: str = typer.Argument(help="Name of a character, or a card's path."),
    out: Path = typer.Option(None, "--out", "-o", help="File or folder; NAME.charx here if left out."),
    corpora: bool = typer.Option(True, "--corpora/--no-corpora", help="Whether the corpora go along."),
    knowledge: bool = typer.Option(True, "--knowledge/--no-knowledge", help="Whether the books go along."),
    adapter: bool = typer.Option(True, "--adapter/--no-adapter", help="Whether the adapter goes along."),
    which: str = typer.Option(None, "--which", help="Another adapter than the one that answers, as RUN@best."),
    avatar: Path = typer.Option(None, "--avatar", help="A picture in place of the card's."),
    force: bool = typer.Option(False, "--force", help="Replace a file that is there."),
    as_json: bool = typer.Option(False, "--json", help="Print the manifest as one JSON object."),
) -> None:
    """Pack a character: card, corpora, books, adapter, and the evidence that it works. To others it is a card."""
    from roleplay.packs.build import Wanted
    from roleplay.packs.export import export_pack
    from roleplay.paths import find_home, shown

    wanted = Wanted(corpora=corpora, knowledge=knowledge, adapter=adapter, label=which, avatar=avatar)
    done = export_pack(name, find_home(), out, wanted, force=force, tell=say)
    manifest = done.manifest
    if as_json:
        emit_json({"path": str(done.path), "size": done.size, "manifest": manifest.model_dump(by_alias=True)})
    else:
        emit(str(done.path))
        say(f"{done.size:,} bytes, {len(manifest.entries)} files")
    for line in manifest.left_out:
        say(f"left out: {line}")
    if not manifest.license:
        say("the card names no licence, so nobody else may use it; add 'license: …' to it")
    if not as_json:
        say(f"next: roleplay pack inspect {shown(done.path)}")
