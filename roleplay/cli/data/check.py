"""`roleplay data check`: leaks over the held-out border, and repeats."""

import typer

from roleplay.cli.data.open import BASE, LENGTH, NAME, SEED, TRUST, open_corpus
from roleplay.cli.output import emit, emit_json, say

SIMILARITY = typer.Option(
    0.6, "--similarity", min=0.3, max=1, help="Share of common 4-grams from which two texts are one said twice."
)


def check(
    name: str = NAME,
    base: str = BASE,
    max_length: int = LENGTH,
    max_duplicates: float = typer.Option(
        0.05, "--max-duplicates", min=0, max=1, help="Share of answers, or of dialogues, that may repeat another."
    ),
    similarity: float = SIMILARITY,
    seed: int = SEED,
    trust_remote_code: bool = TRUST,
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Look for held-out texts that are trained too, and for repeats. Exit status 1 if there is a leak or too many."""
    from dataclasses import asdict

    from roleplay.measures.unfit import check_corpus

    corpus = open_corpus(name, base, max_length, seed, trust_remote_code, apart=True)
    checked = check_corpus(corpus, similarity, max_duplicates)
    if as_json:
        shares = {"answers": checked.answers.share, "dialogues": checked.dialogues.share}
        emit_json({"passed": not checked.faults, "repeated_share": shares, **asdict(checked)})
    else:
        for fault in checked.faults:
            emit(str(fault))
        say(
            f"{len(checked.leaks)} leaks; {checked.answers.share:.1%} of {checked.answers.compared} answers and "
            f"{checked.dialogues.share:.1%} of {checked.dialogues.compared} dialogues repeat another "
            f"({max_duplicates:.1%} may)"
        )
    if checked.faults:
        raise typer.Exit(1)
