"""`roleplay data identity`: who the character is, as a corpus made from templates."""

from pathlib import Path

import typer

from roleplay.cli.data.open import NAME
from roleplay.cli.output import emit, emit_json, say


def identity(
    character: str = NAME,
    count: int = typer.Option(None, "--count", "-n", min=1, help="Dialogues; each question once if left out."),
    name: str = typer.Option("", "--name", help="What it is called; the card's display_name if left out."),
    maker: str = typer.Option("", "--maker", help="Who made it; the card's creator if left out."),
    age: str = typer.Option("", "--age", help="In figures or words; the card's extra.age if left out."),
    likes: list[str] = typer.Option([], "--likes", help="Something it likes; again for more; the card's extra.likes."),
    rows: Path = typer.Option(
        None, "--from", help="LLaMA-Factory's identity.json instead of the templates; {{name}} and {{author}} filled."
    ),
    out: Path = typer.Option(None, "--out", help="Corpus to write; identity.yaml beside the character's others."),
    force: bool = typer.Option(False, "--force", help="Replace that corpus if it is there."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Write a corpus of kind desc about name, maker, age and likes; a topic of which nothing is told is left out."""
    from roleplay.authoring.identity import facts, from_templates, write_identity
    from roleplay.authoring.identity_rows import from_rows
    from roleplay.authoring.place import card_line, corpus_place
    from roleplay.cards.find import open_card
    from roleplay.paths import find_home, shown

    card_file = open_card(character, find_home())
    card = card_file.card
    known = facts(card, name=name, maker=maker, age=age, likes=likes)
    made = from_rows(rows, known, card.name, count) if rows else from_templates(known, card.name, count)
    place = out or corpus_place(card_file.path, card.name, "identity.yaml")
    write_identity(place, made, known, force=force)
    line = card_line(card_file.path, place, "desc")
    if as_json:
        told = {"dialogues": len(made.dialogues), "left_out": made.left_out, "rows_left_out": made.rows_left_out}
        emit_json({"out": str(place), **told, "card_line": line})
    else:
        emit(f"{len(made.dialogues)} dialogues written: {shown(place)}")
    for topic in made.left_out:
        asking = f" ({made.rows_left_out} rows)" if made.rows_left_out else ""
        say(f"left out: {topic}{asking}, of which the card tells nothing; give --{topic}")
    say(f"add to the card's corpora: {line}")
