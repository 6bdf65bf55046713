"""`roleplay chats import`: a conversation of this program or of SillyTavern."""

from pathlib import Path

import typer

from roleplay.cli.chats.open import kept_chats
from roleplay.cli.output import emit, emit_json, say


def import_file(
    file: Path = typer.Argument(
        help="A .jsonl file: an export of this program, or a SillyTavern chat.", metavar="FILE"
    ),
    character: str = typer.Option(..., "--character", help="Name of the character, or a card's path."),
    form: str = typer.Option(None, "--as", help="jsonl or sillytavern; told by the first line if left out."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Import a conversation as a new one: every message with its swipes, as the tree it was."""
    from dataclasses import asdict

    from roleplay.cards.find import open_card
    from roleplay.chat.transcripts.import_ import import_chat
    from roleplay.paths import find_home

    card = open_card(character, find_home()).card
    with kept_chats() as store:
        done = import_chat(store, file, card, form)
    if as_json:
        emit_json(asdict(done))
    else:
        emit(f"conversation {done.chat} with {card.name}: {done.turns} turns, read as {done.form}")
        for line in done.report:
            emit(line)
    say(f"to go on in it: roleplay chat {card.name} --resume")
