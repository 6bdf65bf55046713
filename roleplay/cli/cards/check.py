"""`roleplay cards check`: every fault of cards and their corpora."""

import typer

from roleplay.cli.output import emit, emit_json, say


def check_cards(
    names: list[str] = typer.Argument(None, help="Names or paths; all characters in reach if left out."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON array of faults."),
) -> None:
    """Check cards and their corpora; every fault with file, line and remedy. Exit status 1 if there is one."""
    from dataclasses import asdict

    from roleplay.cards.find import find_cards, open_card
    from roleplay.cards.load import resolve_corpus
    from roleplay.corpora.documents import read_documents
    from roleplay.corpora.native import read_native
    from roleplay.errors import Fault, FileFaults
    from roleplay.paths import find_home

    home = find_home()
    faults: list[Fault] = []
    names = names or list(find_cards(home))
    for name in names:
        try:
            card_file = open_card(name, home)
        except FileFaults as error:
            faults += error.faults
            continue
        for entry in card_file.card.corpora:
            try:
                path = resolve_corpus(card_file.path, entry)
                if entry.kind == "text":
                    read_documents(path)
                else:
                    read_native(path, allow_system=entry.kind == "general")
            except FileFaults as error:
                faults += error.faults
    if as_json:
        emit_json([asdict(fault) for fault in faults])
    else:
        for fault in faults:
            emit(str(fault))
        say(f"{len(names)} checked, {len(faults)} faults")
    if faults:
        raise typer.Exit(1)
