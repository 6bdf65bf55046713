"""`roleplay chats search`: turns by their words."""

import typer

from roleplay.cli.chats.open import day, kept_chats
from roleplay.cli.output import emit_json, emit_painted, say


def search_chats(
    words: list[str] = typer.Argument(help="Words that must all occur; in quotes a phrase."),
    character: str = typer.Option(None, "--character", help="Only in conversations with this one."),
    limit: int = typer.Option(50, "--limit", min=1, help="Most turns shown, the newest first."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON array."),
) -> None:
    """Search all conversations: Latin words by their beginning, Chinese ones anywhere, swipes and branches too."""
    from dataclasses import asdict

    from roleplay.chat.search import search

    # The shell has taken the quotes off a phrase.
    query = " ".join(f'"{word}"' if " " in word and '"' not in word else word for word in words)
    with kept_chats() as store:
        found = search(store, query, character, limit)
    if as_json:
        emit_json([asdict(one) for one in found])
        return
    for one in found:
        parts = [(f"{one.chat:>5} ", "1"), (f"{one.character:<16} {day(one.when)} {one.role:<9} ", "2")]
        at = 0
        for start, end in one.places:
            parts += [(one.snippet[at:start], ""), (one.snippet[start:end], "1;33")]
            at = end
        emit_painted([*parts, (one.snippet[at:], "")])
    if not found:
        say("nothing found; every word must occur in one turn")
