"""`roleplay pack`: characters as files that anyone can trust; a file per command."""

import typer

from roleplay.cli.pack import export, inspect, install, list, pull, push, remove, rollback, verify

app = typer.Typer(
    help="Export, inspect, install and share characters as files.", no_args_is_help=True, rich_markup_mode=None
)
app.command("export")(export.export)
app.command("inspect")(inspect.inspect)
app.command("install")(install.install)
app.command("push")(push.push)
app.command("pull")(pull.pull)
app.command("list")(list.list_packs)
app.command("verify")(verify.verify)
app.command("rollback")(rollback.rollback)
app.command("remove")(remove.remove)
