"""`roleplay export`: a character for other programs."""

from pathlib import Path

import typer

from roleplay.cli.output import emit, emit_json, say


def export(
    name: str = typer.Argument(help="Name of a character, or a card's path."),
    form: str = typer.Option(..., "--to", help="peft, merged, vllm, ollama or llamafactory."),
    out: Path = typer.Option(None, "--out", help="Folder to write; NAME-FORM here if left out."),
    adapter: str = typer.Option(
        None, "--adapter", help="RUN@which, as a chat names it; the one that answers if left out."
    ),
    base: str = typer.Option(None, "--base", help="pocket, a folder, or a hub id[@revision]; as trained if left out."),
    dtype: str = typer.Option(
        None, "--dtype", help="With merged: float32, bfloat16 or float16; the base's if left out."
    ),
    force: bool = typer.Option(False, "--force", help="Replace an earlier export."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Write a character's adapter, or what trains it, in the form that another program takes."""
    from dataclasses import asdict

    from roleplay.export.export import check_form
    from roleplay.export.export import export as write
    from roleplay.paths import find_home, shown

    done = write(
        find_home(),
        name,
        check_form(form),
        out,
        adapter=adapter,
        base=base,
        dtype=dtype,
        force=force,
        report=say,
    )
    if as_json:
        emit_json(asdict(done) | {"folder": str(done.folder)})
        return
    for file in done.files:
        emit(shown(done.folder / file))
    for note in done.notes:
        say(note)
    say(f"written: {shown(done.folder)}" + (f", with {done.adapter}" if done.adapter else ""))
