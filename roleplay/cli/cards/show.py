"""`roleplay cards show`: one card, rendered."""

import typer

from roleplay.cli.output import emit, emit_json, emit_painted

_LABEL, _QUIET = "36", "2"
_WIDTH = 14


def show_card(
    name: str = typer.Argument(help="Name of a character, or a card's path."),
    as_json: bool = typer.Option(False, "--json", help="Print the card as one JSON object."),
) -> None:
    """Show a card: who it is, its switches, its first words, its book, its settings, its corpora."""
    from roleplay.cards.find import open_card
    from roleplay.cards.prompt import fill
    from roleplay.dataset.sheet import facts, held_corpora
    from roleplay.paths import find_home, shown

    card_file = open_card(name, find_home())
    card = card_file.card
    if as_json:
        emit_json(card.model_dump(by_alias=True))
        return
    emit_painted([(card.display_name, "1"), (f"  {card.name} · {card.language} · version {card.version}", _QUIET)])
    emit(f"{card.description}\n{shown(card_file.path)}")
    for prefix in card.prefixes:
        state = "on " if prefix.default else "off"
        emit_painted([(f"\n[{state}] {prefix.id}", _LABEL), (f"  {prefix.place}, trained {prefix.train}", _QUIET)])
        emit(fill(prefix.text, card))
    emit()
    for label, text in facts(card):
        emit_painted([(f"{label:<{_WIDTH}}", _LABEL), (text.replace("\n", "\n" + " " * _WIDTH), "")])
    for corpus in held_corpora(card_file, name):
        weight = "" if corpus.weight == 1 else f", weight {corpus.weight:g}"
        what = f"{corpus.kind:<9} {corpus.label}"
        emit_painted([(f"{'corpus':<{_WIDTH}}", _LABEL), (what, ""), (f"  {corpus.held}{weight}", _QUIET)])
