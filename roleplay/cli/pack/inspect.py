"""`roleplay pack inspect`: what a pack holds, without installing it."""

from pathlib import Path

import typer

from roleplay.cli.output import emit_json, say


def inspect(
    source: Path = typer.Argument(help="A .charx file, or an unpacked pack.", metavar="FILE"),
    as_json: bool = typer.Option(False, "--json", help="Print manifest and problems as one JSON object."),
) -> None:
    """Show all that a pack says of itself, and everything that is wrong with it; nothing is installed."""
    from roleplay.cli.pack.shown import emit_manifest
    from roleplay.packs.install import opened_pack
    from roleplay.packs.places import CANARIES
    from roleplay.paths import find_home

    with opened_pack(source, find_home()) as pack:
        if as_json:
            emit_json({"manifest": pack.manifest.model_dump(by_alias=True), "problems": list(pack.problems)})
        else:
            emit_manifest(pack.manifest)
            if CANARIES not in pack.manifest.paths and pack.manifest.adapter is not None:
                say("it has no canaries: nobody can tell whether it says the same here")
        for problem in pack.problems:
            say(f"problem: {problem}")
        if pack.problems:
            raise typer.Exit(1)
    say("every file is what the manifest vouches for, and nothing is wrong with it")
