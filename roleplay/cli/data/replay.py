"""`roleplay data replay`: what the base itself says, as a corpus against forgetting."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from roleplay.cli.data.open import NAME
from roleplay.cli.output import emit, emit_json, say
from roleplay.errors import NotFound, UsageError

if TYPE_CHECKING:
    from roleplay.authoring.replay import Report


def replay(
    name: str = NAME,
    count: int = typer.Option(..., "--count", "-n", min=1, help="Answers to keep."),
    base: str = typer.Option(None, "--base", help="pocket, a folder or a hub id[@revision]; the card's if left out."),
    language: list[str] = typer.Option(
        [], "--language", help="Of the questions; again for more; the card's if left out."
    ),
    questions: Path = typer.Option(None, "--questions", help="A YAML list of your own questions instead."),
    seed: int = typer.Option(0, "--seed", help="Decides questions and answers."),
    temperature: float = typer.Option(0.7, "--temperature", min=0, max=5, help="0 always takes the likeliest token."),
    max_tokens: int = typer.Option(256, "--max-tokens", min=1, help="Longest answer; one that is cut is dropped."),
    quant: str = typer.Option("none", "--quant", help="Keep the base in none, int8 or nf4."),
    trust_remote_code: bool = typer.Option(False, "--trust-remote-code", help="Let the base's own code run."),
    out: Path = typer.Option(None, "--out", help="Corpus to write; replay.yaml beside the character's others."),
    force: bool = typer.Option(False, "--force", help="Replace that corpus if it is there."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Let the base itself answer general questions: a corpus of kind general, against forgetting."""
    if quant not in ("none", "int8", "nf4"):
        raise UsageError(f"--quant {quant}: choose none, int8 or nf4")
    if questions is not None and language:
        raise UsageError("--questions names the list itself; leave --language out")
    from roleplay.authoring.place import corpus_place
    from roleplay.authoring.questions import question_files
    from roleplay.cards.find import open_card
    from roleplay.paths import find_home

    card_file = open_card(name, find_home())
    card = card_file.card
    files = [questions] if questions is not None else question_files(language, card.language)
    place = out or corpus_place(card_file.path, card.name, "replay.yaml")
    from roleplay.authoring.replay import Wish
    from roleplay.authoring.replay import replay as replay_below

    wish = Wish(
        questions=tuple(files),
        count=count,
        out=place,
        base=base or card.base,
        trust_remote_code=trust_remote_code,
        quant=quant,
        seed=seed,
        temperature=temperature,
        max_tokens=max_tokens,
        force=force,
    )
    _print_report(replay_below(wish, say), count, card_file.path, as_json=as_json)


def _print_report(report: "Report", count: int, card: Path, *, as_json: bool) -> None:
    from dataclasses import asdict

    from roleplay.authoring.place import advice, card_line
    from roleplay.paths import shown

    if as_json:
        told = {"dropped": dict(report.dropped), "out": report.out and str(report.out), "journal": str(report.journal)}
        emit_json(asdict(report) | told | {"card_line": report.out and card_line(card, report.out, "general")})
    else:
        emit(f"{report.asked} of {report.questions} questions asked, {report.kept} answers kept")
        for reason, number in report.dropped:
            emit(f"{number:>6} {reason}")
        emit(f"{report.spent.answer_tokens} tokens, {report.spent.reused} answers from {shown(report.journal)}")
        if report.out is not None:
            emit(f"written: {shown(report.out)}")
    if report.out is None:
        raise NotFound(
            "no answer was good enough, and no corpus was written; raise --max-tokens or choose another base"
        )
    if report.kept < count:
        say(f"that is all the questions there are: {report.kept} answers instead of {count}")
    say(advice(card, report.out, "general"))
