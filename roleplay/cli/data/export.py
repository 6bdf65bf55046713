"""`roleplay data export`: a character's corpora for other trainers."""

from pathlib import Path

import typer

from roleplay.cli.data.open import NAME
from roleplay.cli.output import emit, emit_json, say
from roleplay.errors import UsageError
from roleplay.text import did_you_mean


def export(
    name: str = NAME,
    layout: str = typer.Option(..., "--format", help="sharegpt, alpaca, or llamafactory: with prefixes and raw text."),
    out: Path = typer.Option(None, "--out", help="Folder to write; NAME-FORMAT here if left out."),
    force: bool = typer.Option(False, "--force", help="Replace an earlier export."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Write a character's corpora as a folder with dataset_info.json, for LLaMA-Factory and what reads the same."""
    from dataclasses import asdict

    from roleplay.authoring.export_corpus import FORMATS, export_corpora
    from roleplay.paths import find_home, shown

    chosen = next((known for known in FORMATS if known == layout), None)
    if chosen is None:
        raise UsageError(f"--format {layout}: {did_you_mean(layout, FORMATS)}")
    done = export_corpora(name, find_home(), chosen, out, force=force)
    if as_json:
        emit_json(asdict(done) | {"folder": str(done.folder)})
        return
    for one in done.sets:
        emit(f"{one.kind:<9} {one.rows:>6} rows  weight {one.weight:g}  {shown(done.folder / one.file)}")
        if one.unanswered:
            emit(f"          {one.unanswered} last turns left out: nothing answers them")
    say(f"written: {shown(done.folder)}; dataset_info.json has no place for kind and weight: they stay on the card")
