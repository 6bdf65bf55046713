"""`roleplay knowledge stats`: what an index holds."""

import typer

from roleplay.cli.knowledge.open import NAME, open_index
from roleplay.cli.output import emit, emit_json


def stats(name: str = NAME, as_json: bool = typer.Option(False, "--json", help="Print one JSON object.")) -> None:
    """Show the files that were read, and how many passages came of them."""
    from dataclasses import asdict

    with open_index(name) as index:
        found = index.stats()
    if as_json:
        emit_json(asdict(found) | {"passages": found.passages, "tokens": found.tokens})
        return
    for file in found.files:
        emit(f"{file.passages:>7} passages {file.tokens:>9} tokens  {file.name}")
    vectors = f"{found.vectors} vectors by {found.embedder}" if found.embedder else "no vectors: searched by words"
    emit(f"{found.passages:>7} passages {found.tokens:>9} tokens in all; {vectors}; {found.size / 1e6:.1f} MB")
