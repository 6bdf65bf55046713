"""`roleplay cards`: list, show and check characters."""

import typer

from roleplay.cli.output import emit, emit_json, emit_painted, say

app = typer.Typer(help="List, show and check characters.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_cards(as_json: bool = typer.Option(False, "--json", help="Print one JSON array.")) -> None:
    """List the characters in reach; a faulty card is listed with its number of faults."""
    from roleplay.cards.find import find_cards
    from roleplay.cards.load import load_card
    from roleplay.errors import FileFaults
    from roleplay.paths import find_home, shown

    rows = []
    for name, (path, place) in find_cards(find_home()).items():
        row = {"name": name, "place": place, "path": shown(path), "display_name": "", "language": "", "description": ""}
        try:
            card = load_card(path).card
            row |= {"display_name": card.display_name, "language": card.language, "description": card.description}
            row["faults"] = ""
        except FileFaults as error:
            row["faults"] = str(len(error.faults))
        rows.append(row)
    if as_json:
        emit_json([row | {"faults": int(row["faults"] or 0)} for row in rows])
        return
    for row in rows:
        about = row["description"] or row["display_name"]
        note = f"{row['faults']} faults: roleplay cards check {row['name']}" if row["faults"] else about
        emit_painted([(f"{row['name']:<16}", "1"), (f" {row['language']:<4} {row['place']:<8} ", "2"), (note, "")])
    if not rows:
        say("no characters yet: write one to ./characters/<name>.yaml")


@app.command("show")
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


@app.command("check")
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
