"""`roleplay chats list`: what was talked about, and with whom."""

import typer

from roleplay.cli.chats.open import day, kept_chats
from roleplay.cli.output import emit_json, emit_painted, say


def list_chats(
    name: str = typer.Argument(None, help="Name of a character; all characters if left out."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON array."),
) -> None:
    """List the conversations with a character or with all, the one talked in last first."""
    from dataclasses import asdict

    from roleplay.text import one_line

    with kept_chats() as store:
        chats = store.chats(name)
    if as_json:
        emit_json([asdict(chat) for chat in chats])
        return
    for chat in chats:
        emit_painted(
            [
                (f"{chat.id:>5} ", "1"),
                (f"{chat.character:<16} {day(chat.changed)} {chat.said:>5} said  ", "2"),
                (one_line(chat.opening), ""),
            ]
        )
    if not chats:
        whose = f" with {one_line(name)}" if name else ""
        say(f"no conversations{whose} yet; 'roleplay chat {name or 'yui'}' begins one")
