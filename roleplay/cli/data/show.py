"""`roleplay data show`: samples as they are trained."""

import typer

from roleplay.cli.data.open import BASE, LENGTH, NAME, SEED, TRUST, open_corpus
from roleplay.cli.output import colours, emit, emit_json, emit_painted

_STYLES = {"prefix": "35", "user": "36", "trained": "1;32", "end": "1;33"}


def show(
    name: str = NAME,
    base: str = BASE,
    max_length: int = LENGTH,
    epoch: int = typer.Option(0, "--epoch", min=0, help="Epoch whose draws are shown."),
    samples: int = typer.Option(3, "--samples", "-n", min=1, help="How many samples."),
    heldout: bool = typer.Option(False, "--heldout", help="Show held-out samples instead."),
    seed: int = SEED,
    trust_remote_code: bool = TRUST,
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object a sample."),
) -> None:
    """Show samples as they are trained: prefix, user, trained text and end token in colours."""
    from roleplay.dataset.segments import segments

    corpus = open_corpus(name, base, max_length, seed, trust_remote_code)
    rows = (corpus.heldout() if heldout else corpus.epoch(epoch))[:samples]
    if not as_json and colours():
        emit_painted([(f"{kind}  ", style) for kind, style in _STYLES.items()])
    for row in rows:
        parts = segments(corpus.voice, corpus.sample(row), row.active)
        if as_json:
            listed = [{"kind": part.kind, "text": part.text} for part in parts]
            emit_json({"source": row.unit.dialogue.source, "prefixes": list(row.active), "segments": listed})
            continue
        emit_painted([(f"\n── {row.unit.dialogue.source} [{', '.join(row.active)}]", "2")])
        if colours():
            emit_painted([(part.text, _STYLES[part.kind]) for part in parts])
            continue
        for part in parts:
            emit(f"{part.kind:<8}| " + part.text.replace("\n", "⏎"))
