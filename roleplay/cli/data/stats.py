"""`roleplay data stats`: what a corpus holds, and what to do about it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from roleplay.cli.data.check import SIMILARITY
from roleplay.cli.data.open import BASE, LENGTH, NAME, SEED, TRUST, open_corpus
from roleplay.cli.output import emit, emit_json, emit_painted

if TYPE_CHECKING:
    from roleplay.measures.corpus_stats import CorpusStats
    from roleplay.measures.repeats import Repeat


def stats(
    name: str = NAME,
    base: str = BASE,
    max_length: int = LENGTH,
    similarity: float = SIMILARITY,
    pairs: int = typer.Option(10, "--pairs", min=0, help="How many of the repeats are shown."),
    plot: bool = typer.Option(True, "--plot/--no-plot", help="Draw lengths as a picture where there is a terminal."),
    seed: int = SEED,
    trust_remote_code: bool = TRUST,
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Count what a corpus holds: amounts, lengths, variety, repeats, leaks, habits; and say what to do."""
    from dataclasses import asdict

    from roleplay.cli.data.histogram import emit_histogram
    from roleplay.measures.corpus_stats import measure_corpus
    from roleplay.measures.findings import findings

    corpus = open_corpus(name, base, max_length, seed, trust_remote_code, apart=True)
    measured = measure_corpus(corpus, similarity)
    found = findings(measured, name)
    if as_json:
        emit_json({**asdict(measured), "findings": [asdict(finding) for finding in found]})
        return
    _emit_amounts(measured)
    _title("length of whole dialogues, prefixes included, in tokens")
    emit_histogram(measured.lengths.bins, plot=plot)
    _emit_cutoff(measured)
    _title(f"said again (at least {similarity:.2f} alike)")
    _emit_repeats(measured, pairs)
    _title("habits")
    _emit_habits(measured)
    if found:
        _title("to do")
    for finding in found:
        emit(f"- {finding}")


def _title(text: str) -> None:
    emit_painted([(f"\n{text}", "1")])


def _emit_amounts(measured: "CorpusStats") -> None:
    for part in measured.amounts:
        one, two, three = part.distinct
        emit(
            f"{part.kind:<9} {part.language:<5} {part.dialogues:>6} dialogues {part.turns:>6} turns "
            f"{part.answer_tokens:>8} tokens in answers {part.other_tokens:>8} in other turns  "
            f"distinct-1/2/3 of {part.unit} {one:.3f}/{two:.3f}/{three:.3f}"
        )


def _emit_cutoff(measured: "CorpusStats") -> None:
    cutoff, lengths = measured.cutoff, measured.lengths
    emit(f"longest {lengths.longest}; {lengths.over} over the limit of {cutoff.limit} are split at turn borders")
    emit(f"answers: {cutoff.dropped} dropped, {cutoff.cut} cut, {cutoff.end_lost} end-lost")


def _emit_repeats(measured: "CorpusStats", most: int) -> None:
    dialogues, answers, split = measured.repeated_dialogues, measured.repeated_answers, measured.split
    emit(f"{len(dialogues.found)} of {dialogues.compared} dialogues with several answers ({dialogues.share:.1%})")
    _emit_pairs(dialogues.found, most)
    emit(f"{len(answers.found)} of {answers.compared} answers beyond set phrases ({answers.share:.1%})")
    _emit_pairs(answers.found, most)
    emit(
        f"{len(split.leaks)} held-out texts in training, of {split.answers} held-out answers in "
        f"{split.dialogues} dialogues"
    )
    _emit_pairs(split.leaks, most)


def _emit_pairs(found: "Sequence[Repeat]", most: int) -> None:
    from roleplay.text import one_line

    for repeat in found[:most]:
        emit(f"  {repeat.likeness:.2f}  {repeat.place} | {one_line(repeat.text)}")
        emit(f"        {repeat.other} | {one_line(repeat.other_text)}")
    if len(found) > most:
        emit(f"  and {len(found) - most} more")


def _emit_habits(measured: "CorpusStats") -> None:
    habits = measured.habits
    for phrase in habits.catchphrases:
        emit(f"{phrase.share:>6.1%}  {phrase.text}")
    emit(f"{habits.one_word:>6.1%}  answers of one word, of {habits.answers}")
