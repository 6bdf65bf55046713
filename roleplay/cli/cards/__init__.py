"""`roleplay cards`: list, show and check characters; a file per command."""

import typer

from roleplay.cli.cards import check, export, import_, list, new, show

app = typer.Typer(help="List, show and check characters.", no_args_is_help=True, rich_markup_mode=None)
app.command("list")(list.list_cards)
app.command("show")(show.show_card)
app.command("check")(check.check_cards)
app.command("new")(new.new_card)
app.command("import")(import_.import_card)
app.command("export")(export.export_card)
