"""`roleplay data propose`: dialogues from a book, proposed by one model and graded by another."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from roleplay.cli.data.open import NAME
from roleplay.cli.output import emit, emit_json, say
from roleplay.errors import NotFound, UsageError

if TYPE_CHECKING:
    from roleplay.authoring.propose import Report, Wish


def propose(
    name: str = NAME,
    book: Path = typer.Option(..., "--from", help="The book: a text file."),
    generator: str = typer.Option(..., "--generator", help="Who proposes: a server's URL, or local:BASE."),
    model: str = typer.Option(None, "--model", help="Model of that server; may be left out where it has one."),
    scorer: str = typer.Option(None, "--scorer", help="Who grades: a URL or local:BASE; the generator if left out."),
    scorer_model: str = typer.Option(None, "--scorer-model", help="Model that grades; --model if left out."),
    threshold: float = typer.Option(7.0, "--threshold", min=0, max=10, help="Both grades must be above this."),
    passage: int = typer.Option(1200, "--passage", min=100, help="Longest passage in characters."),
    pairs: int = typer.Option(2, "--pairs", min=0, max=20, help="Question-answer pairs a passage."),
    dialogues: int = typer.Option(2, "--dialogues", min=0, max=20, help="Short dialogues a passage."),
    max_requests: int = typer.Option(None, "--max-requests", min=1, help="Most requests this time."),
    max_tokens: int = typer.Option(2048, "--max-tokens", min=16, help="Longest answer, thoughts included."),
    temperature: float = typer.Option(0.8, "--temperature", min=0, max=2, help="Of the generator."),
    seed: int = typer.Option(0, "--seed", help="Decides examples and draws."),
    timeout: float = typer.Option(600.0, "--timeout", min=0.1, help="Seconds a server may take for an answer."),
    trust_remote_code: bool = typer.Option(False, "--trust-remote-code", help="Let a local base's own code run."),
    out: Path = typer.Option(None, "--out", help="Corpus to write; proposed.yaml beside the character's others."),
    force: bool = typer.Option(False, "--force", help="Replace that corpus if it is there."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Print the prompts and send nothing."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object; with --dry-run one a prompt."),
) -> None:
    """Have dialogues in the character's voice proposed from a book, graded, and the good ones kept.

    A server needs OPENAI_API_KEY in the environment, but for one that asks for no key. What was answered is kept in a
    journal beside the corpus: the same command goes on where it was interrupted.
    """
    if pairs + dialogues == 0:
        raise UsageError("--pairs 0 --dialogues 0 asks for nothing; raise one of the two")
    from roleplay.authoring.choose import ModelChoice
    from roleplay.authoring.place import corpus_place
    from roleplay.authoring.propose import Wish
    from roleplay.authoring.propose import propose as propose_below
    from roleplay.cards.find import open_card
    from roleplay.paths import find_home

    card_file = open_card(name, find_home())
    proposing = ModelChoice(generator, model, timeout, trust_remote_code)
    grading = ModelChoice(
        scorer or generator, scorer_model or (model if scorer is None else None), timeout, trust_remote_code
    )
    wish = Wish(
        card_file=card_file,
        book=book,
        out=out or corpus_place(card_file.path, card_file.card.name, "proposed.yaml"),
        generator=proposing,
        scorer=grading,
        threshold=threshold,
        passage=passage,
        pairs=pairs,
        dialogues=dialogues,
        max_requests=max_requests,
        max_tokens=max_tokens,
        temperature=temperature,
        seed=seed,
        force=force,
    )
    if dry_run:
        _print_prompts(wish, as_json=as_json)
    else:
        _print_report(wish, propose_below(wish, say), as_json=as_json)


def _print_prompts(wish: "Wish", *, as_json: bool) -> None:
    from roleplay.authoring.propose import dry_prompts

    sent = 0
    for task, passage, messages in dry_prompts(wish):
        sent += task == "propose"
        if as_json:
            listed = [{"role": turn.role, "content": turn.text} for turn in messages]
            emit_json({"task": task, "start": passage.start, "end": passage.end, "messages": listed})
            continue
        emit(f"── {task} {passage.start}-{passage.end}")
        for turn in messages:
            emit(f"[{turn.role}]\n{turn.text}\n")
    most = sent * (1 + wish.pairs + wish.dialogues)
    say(f"nothing was sent: {sent} requests to the generator, one to the scorer a proposal, {most} at most")


def _print_report(wish: "Wish", report: "Report", *, as_json: bool) -> None:
    from dataclasses import asdict

    from roleplay.authoring.place import advice, card_line
    from roleplay.paths import shown

    line = card_line(wish.card_file.path, wish.out, "dialogue")
    if as_json:
        told = {"refused": dict(report.refused), "out": report.out and str(report.out), "journal": str(report.journal)}
        emit_json(asdict(report) | told | {"card_line": line if report.out else None})
    else:
        spent = report.spent
        emit(f"{report.asked} of {report.passages} passages, {report.proposals} proposals, {report.kept} kept")
        for reason, count in report.refused:
            emit(f"{count:>6} {reason}")
        emit(
            f"{spent.requests} requests, {spent.prompt_tokens} + {spent.answer_tokens} tokens, {spent.reused} answers "
            f"from {shown(report.journal)}"
        )
        if report.out is not None:
            emit(f"written: {shown(report.out)}")
    if not report.complete:
        say("the cap on requests ended it; the same command with --force goes on")
    if report.out is None:
        raise NotFound(
            "no proposal was good enough, and no corpus was written; lower --threshold or choose other models"
        )
    say(advice(wish.card_file.path, wish.out, "dialogue"))
