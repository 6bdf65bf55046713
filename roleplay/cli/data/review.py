"""`roleplay data review`: a person goes through a file of pairs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from roleplay.cli.output import emit, emit_json, say
from roleplay.errors import UsageError

if TYPE_CHECKING:
    from roleplay.corpora.review import Review


def review(
    file: Path = typer.Argument(help="File of pairs, as 'roleplay data from-chats' writes it.", metavar="FILE"),
    listed: bool = typer.Option(False, "--list", help="Print a line a pair instead of opening the screen."),
    as_json: bool = typer.Option(False, "--json", help="With --list, print one JSON array."),
) -> None:
    """Keep, flip or drop pairs on a screen; the file is written when you save.

    What was decided and not saved waits in FILE.review.json, and is found again.
    """
    from roleplay.corpora.review import open_review

    if as_json and not listed:
        raise UsageError("--json goes with --list")
    if listed:
        _list(open_review(file), as_json=as_json)
    else:
        check_terminal(f"roleplay data review {file} --list")
        show(file)


def check_terminal(instead: str) -> None:
    """Refuse to open a screen where nobody sees it; `instead` is a command that needs none. Raises UsageError."""
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):  # the screen is drawn on stderr
        raise UsageError(f"the review screen needs a terminal; without one: {instead}")


def show(file: Path) -> None:
    """Open the screen, then tell what came of it. Raises FileFaults, and KeyboardInterrupt where a signal ended it."""
    from roleplay.corpora.review import open_review
    from roleplay.paths import find_home, shown
    from tui.alone import run_alone
    from tui.review_screen import WORDS, ReviewScreen

    review = open_review(file)
    run_alone(ReviewScreen(review), find_home(), WORDS)
    if review.written is not None:
        emit(f"{review.written} pairs written: {shown(file)}")
    if review.sidecar.exists():
        say(f"what is not saved waits in {shown(review.sidecar)}; 'roleplay data review {shown(file)}' goes on with it")


def _list(review: "Review", *, as_json: bool) -> None:
    from roleplay.measures.near_pairs import likenesses
    from roleplay.text import one_line

    found = likenesses(review.pairs)
    rows = [_row(review, at, found.flags(at, review.decisions)) for at in range(len(review.pairs))]
    if as_json:
        emit_json(rows)
        return
    wide = len(str(len(rows)))
    for row in rows:
        chat = "" if row["chat"] is None else f"chat {row['chat']}"
        said = " | ".join(f"{one_line(row[what], 40)}" for what in ("question", "chosen", "rejected"))
        flags = f"  ! {'; '.join(row['flags'])}" if row["flags"] else ""
        emit(f"{row['number']:>{wide}}  {row['decision'] or 'undecided':<9}  {row['why']:<6}  {chat:<8}  {said}{flags}")


def _row(review: "Review", at: int, flags: list[str]) -> dict[str, Any]:
    """A pair as it would be written, as data."""
    pair = review.shown(at)
    return {
        "number": at + 1,
        "identity": pair.identity,
        "decision": review.decisions[at],
        "why": pair.why,
        "chat": pair.provenance.chat,
        "when": pair.provenance.when,
        "turns": len(pair.turns),
        "question": pair.turns[-1].text,
        "chosen": pair.chosen,
        "rejected": pair.rejected,
        "flags": flags,
    }
