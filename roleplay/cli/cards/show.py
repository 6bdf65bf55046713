"""`roleplay cards show`: one card, rendered."""

import typer

from roleplay.cli.output import emit, emit_json, emit_painted


def show_card(
    name: str = typer.Argument(help="Name of a character, or a card's path."),
    as_json: bool = typer.Option(False, "--json", help="Print the card as one JSON object."),
) -> None:
    """Show a card: who it is, its switches, its corpora."""
    from roleplay.cards.find import open_card
    from roleplay.cards.load import resolve_corpus
    from roleplay.cards.prompt import fill
    from roleplay.paths import find_home, shown

    card_file = open_card(name, find_home())
    card = card_file.card
    if as_json:
        emit_json(card.model_dump(by_alias=True))
        return
    emit_painted([(card.display_name, "1"), (f"  {card.name} · {card.language} · version {card.version}", "2")])
    emit(f"{card.description}\n{shown(card_file.path)}")
    for prefix in card.prefixes:
        state = "on " if prefix.default else "off"
        emit_painted([(f"\n[{state}] {prefix.id}", "36"), (f"  {prefix.place}, trained {prefix.train}", "2")])
        emit(fill(prefix.text, card))
    if card.greeting:
        emit_painted([("\ngreeting  ", "36"), (fill(card.greeting, card), "")])
    for entry in card.corpora:
        emit_painted([("corpus    ", "36"), (f"{entry.kind:<9} {shown(resolve_corpus(card_file.path, entry))}", "")])
