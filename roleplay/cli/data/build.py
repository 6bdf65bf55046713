"""`roleplay data build`: render every sample, prove it, count."""

import typer

from roleplay.cli.data.open import BASE, LENGTH, NAME, SEED, TRUST, open_corpus
from roleplay.cli.output import emit, emit_json, say


def build(
    name: str = NAME,
    base: str = BASE,
    max_length: int = LENGTH,
    epochs: int = typer.Option(1, "--epochs", min=1, help="Epochs whose draws pass the gate."),
    seed: int = SEED,
    trust_remote_code: bool = TRUST,
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Render every sample, prove it equal to what chat sends, and count."""
    from dataclasses import asdict

    from roleplay.dataset.counts import count

    corpus = open_corpus(name, base, max_length, seed, trust_remote_code)
    checked = corpus.check(epochs)
    counts = count(corpus)
    lost = {part.path: list(part.read_losses) for part in corpus.corpora if part.read_losses}
    if as_json:
        emit_json({**asdict(counts), "gate": {"passed": True, "renderings": checked}, "read_losses": lost})
        return
    for part in counts.corpora:
        emit(
            f"{part.kind:<9} {part.dialogues:>5} dialogues {part.per_epoch:>5} samples {part.heldout:>4} held out  "
            f"{part.path}"
        )
    for path, lines in lost.items():
        for line in lines:
            emit(f"          {path}: {line}")
    emit(
        f"{counts.samples} samples, {counts.tokens} tokens, {counts.trained_tokens} trained, "
        f"longest {counts.longest} of {counts.limit}"
    )
    emit(f"{counts.dropped} dropped, {counts.cut} cut, {counts.end_lost} end-lost")
    say(f"gate passed: {checked} renderings are what chat sends")
