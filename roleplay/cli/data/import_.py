"""`roleplay data import`: a file of any form becomes a native corpus."""

from pathlib import Path

import typer

from roleplay.cli.output import complain, emit, emit_json, say
from roleplay.errors import UsageError


def import_(
    file: Path = typer.Argument(help="File, or folder of files of one ending: JSON, JSON Lines, CSV, Parquet, text."),
    character: str = typer.Option(..., "--character", help="Name of the character, or a card's path."),
    form: str = typer.Option(None, "--as", help="Form of the rows; told by the first ones if left out."),
    me: str = typer.Option(None, "--me", help="Speaker or role that the character is."),
    them: str = typer.Option(None, "--them", help="Speaker or role that the partner is."),
    kind: str = typer.Option("dialogue", "--kind", help="desc, dialogue or general; only general keeps system turns."),
    out: Path = typer.Option(None, "--out", help="Corpus to write; named after the file, beside the others."),
    accept_drops: bool = typer.Option(False, "--accept-drops", help="Write even if more than a tenth is dropped."),
    force: bool = typer.Option(False, "--force", help="Replace that corpus if it is there."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Read dialogues of any known form and write them as a native corpus, with a report of every row left out."""
    if kind not in ("desc", "dialogue", "general"):
        raise UsageError(f"--kind {kind}: choose desc, dialogue or general")
    from dataclasses import asdict

    from roleplay.authoring.import_corpus import Wish, import_corpus
    from roleplay.corpora.forms.row import Speakers
    from roleplay.paths import find_home, shown

    done = import_corpus(
        Wish(file, character, form, Speakers(me, them), kind, out, accept_drops, force),  # type: ignore[arg-type]
        find_home(),
    )
    if as_json:
        emit_json(asdict(done) | {"out": done.out and str(done.out)})
    else:
        for line in done.report.lines():
            emit(line)
        if done.out is not None:
            emit(f"written: {done.written} in {shown(done.out)}")
    if done.out is None:
        complain(done.refusal)
        raise typer.Exit(1)
    say(f"add to the card's corpora: {done.card_line}")
