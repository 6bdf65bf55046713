"""`roleplay chats rm`: conversations go for good."""

import sys

import typer

from roleplay.cli.chats.open import kept_chats
from roleplay.cli.output import emit
from roleplay.errors import UsageError


def remove_chats(
    chats: list[int] = typer.Argument(help="Numbers of conversations.", metavar="ID..."),
    yes: bool = typer.Option(False, "--yes", help="Do not ask."),
) -> None:
    """Remove conversations with all they hold; all of them, or, where a number is wrong, none."""
    from roleplay.chat.whole import read_whole

    with kept_chats() as store:
        found = {chat: read_whole(store, chat) for chat in chats}
        if not yes:
            if not sys.stdin.isatty():
                raise UsageError("removing cannot be undone, and nobody can be asked here; add --yes")
            named = ", ".join(
                f"{chat} with {whole.character} ({len(whole.turns)} turns)" for chat, whole in found.items()
            )
            typer.confirm(f"remove {named}?", abort=True, err=True)
        store.remove(found)
    for chat in found:
        emit(str(chat))
