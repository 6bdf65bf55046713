"""`roleplay knowledge`: a character's books; a file per command."""

import typer

from roleplay.cli.knowledge import build, evaluate, rm, search, stats

app = typer.Typer(help="Read a character's books and search them.", no_args_is_help=True, rich_markup_mode=None)
app.command("build")(build.build)
app.command("stats")(stats.stats)
app.command("search")(search.search)
app.command("evaluate")(evaluate.evaluate)
app.command("rm")(rm.rm)
