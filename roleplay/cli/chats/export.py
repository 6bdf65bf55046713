"""`roleplay chats export`: a conversation for people or for other programs."""

from pathlib import Path

import typer

from roleplay.cli.chats.open import CHAT, kept_chats
from roleplay.cli.output import emit, emit_json, say
from roleplay.errors import UsageError


def export_one(
    chat: int = CHAT,
    out: Path | None = typer.Option(None, "-o", "--out", help="File to write; standard output if left out."),
    layout: str = typer.Option(None, "--format", help="markdown, jsonl (whole, to be imported again) or sillytavern."),
    swipes: bool = typer.Option(False, "--swipes", help="In Markdown, quote the other ways of each turn too."),
    force: bool = typer.Option(False, "--force", help="Replace a file that is there."),
    as_json: bool = typer.Option(False, "--json", help="With -o, print what was written as one JSON object."),
) -> None:
    """Export a conversation; without a format the file's ending tells it, else it is Markdown."""
    from roleplay.chat.transcripts.export import check_format, export_chat, write_export
    from roleplay.paths import find_home, shown

    wanted = check_format(layout, out)
    if as_json and out is None:
        raise UsageError("--json tells what was written to a file; name one with -o, or take --format jsonl")
    if swipes and wanted != "markdown":
        raise UsageError(f"--swipes is for Markdown; {wanted} has all swipes")
    with kept_chats() as store:
        done = export_chat(store, chat, wanted, find_home(), swipes=swipes)
    if out is not None:
        write_export(done, out, force=force)
    if out is None:
        emit(done.text, end="")
    elif as_json:
        emit_json({"out": str(out), "format": wanted, "turns": done.turns, "left_out": done.left_out})
    else:
        emit(shown(out))
    if done.left_out:
        say(f"left out: {', '.join(done.left_out)}; --format jsonl has all")
