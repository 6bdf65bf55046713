"""`roleplay chats`: list, search, show, export, import and remove conversations; a file per command."""

import typer

from roleplay.cli.chats import export, import_, list, rm, search, show

app = typer.Typer(
    help="List, search, show, export, import and remove conversations.", no_args_is_help=True, rich_markup_mode=None
)
app.command("list")(list.list_chats)
app.command("search")(search.search_chats)
app.command("show")(show.show_chat)
app.command("export")(export.export_one)
app.command("import")(import_.import_file)
app.command("rm")(rm.remove_chats)
