"""`roleplay cards list`: the characters in reach."""

import typer

from roleplay.cli.output import emit_json, emit_painted, say


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
        say("no characters yet: sketch one with 'roleplay cards new NAME'")
