"""`roleplay cards check`: every fault of cards, their corpora and their labelled questions."""

import typer

from roleplay.cli.output import emit, emit_json, say


def check_cards(
    names: list[str] = typer.Argument(None, help="Names or paths; all characters in reach if left out."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON array of faults."),
) -> None:
    """Check cards, corpora, labelled questions; every fault with file, line, remedy. Exit status 1 if there is one."""
    from dataclasses import asdict

    from roleplay.cards.find import find_card, find_cards
    from roleplay.dataset.entries import all_faults
    from roleplay.evaluation.known_questions import known_faults
    from roleplay.paths import find_home

    home = find_home()
    names = names or list(find_cards(home))
    paths = [find_card(name, home) for name in names]
    faults = [fault for path in paths for fault in (*all_faults(path), *known_faults(path))]
    if as_json:
        emit_json([asdict(fault) for fault in faults])
    else:
        for fault in faults:
            emit(str(fault))
        say(f"{len(names)} checked, {len(faults)} faults")
    if faults:
        raise typer.Exit(1)
