"""`roleplay data novel`: a book becomes a corpus of one of its characters."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from roleplay.cli.output import emit, emit_json, say
from roleplay.errors import UsageError

if TYPE_CHECKING:
    from roleplay.authoring.novel import Novel


def novel(
    book: Path = typer.Argument(help="The book: a text file."),
    character: str = typer.Option(..., "--character", help="Name of the character, or a card's path."),
    alias: list[str] = typer.Option(
        [], "--alias", help="Another name the book has for the character; may be repeated."
    ),
    language: str = typer.Option(None, "--language", help="zh or en; told by the book's letters if left out."),
    narration: bool = typer.Option(False, "--narration", help="Put what is told between the lines before the user's."),
    gap: int = typer.Option(None, "--gap", min=0, help="Characters of narration that end a dialogue [zh 200, en 600]."),
    mode: str = typer.Option("dialogue", "--mode", help="dialogue, continuation-sft or continuation-pt."),
    continue_length: int = typer.Option(600, "--continue-length", min=20, help="Longest piece of a continuation."),
    out: Path = typer.Option(None, "--out", help="Corpus to write; named after the book, beside the others."),
    force: bool = typer.Option(False, "--force", help="Replace that corpus if it is there."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Find who says what in a book, without a model, and write the character's dialogues with a report to check."""
    if mode not in ("dialogue", "continuation-sft", "continuation-pt"):
        raise UsageError(f"--mode {mode}: choose dialogue, continuation-sft or continuation-pt")
    if language not in (None, "zh", "en"):
        raise UsageError(f"--language {language}: choose zh or en")
    from dataclasses import asdict

    from roleplay.authoring.novel import Wish, read_novel
    from roleplay.paths import find_home, shown

    wish = Wish(
        book=book,
        character=character,
        aliases=tuple(alias),
        language=language,  # type: ignore[arg-type]
        narration=narration,
        gap=gap,
        mode=mode,  # type: ignore[arg-type]
        length=continue_length,
        out=out,
        force=force,
    )
    done = read_novel(wish, find_home())
    if as_json:
        emit_json(asdict(done) | {"out": str(done.out)})
    else:
        if done.names:
            _report(done)
        emit(f"written: {done.written} in {shown(done.out)}")
    if done.likely_aliases:
        counts = ", ".join(f"{name} ({count})" for name, count in done.likely_aliases)
        say(f"perhaps {done.names[0]} too: {counts}; if so, add them with --alias")
    say(f"add to the card's corpora: {done.card_line}")


def _report(done: "Novel") -> None:
    emit(f"character: {' / '.join(done.names)}")
    known = done.lines - done.unknown
    emit(f"lines: {known} with a speaker, {done.unknown} unknown; {done.ignored} quotations that are no speech")
    emit("speakers: " + ", ".join(f"{name} {count}" for name, count in done.speakers[:20]))
    if len(done.speakers) > 20:
        emit(f"  and {len(done.speakers) - 20} more")
    emit(f"dialogues: {done.written} with {done.answers} answers, {done.openings} begun by the character")
    emit("sample, to check:")
    for one in done.sample:
        emit(f"  {one.speaker}: {' '.join(one.text.split())}")
        emit(f"    | {one.paragraph}")
