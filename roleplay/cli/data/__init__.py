"""`roleplay data`: build a dataset and look at it; a file per command."""

import typer

from roleplay.cli.data import build, show

app = typer.Typer(help="Build a character's dataset and look at it.", no_args_is_help=True, rich_markup_mode=None)
app.command("build")(build.build)
app.command("show")(show.show)
