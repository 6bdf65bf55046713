"""The command line: a file per command; each parses, calls one function below, and prints."""

import io
import sys

import typer

from roleplay import __version__
from roleplay.cli import (
    cards,
    chat,
    chats,
    data,
    demo,
    evaluate,
    export,
    knowledge,
    locate,
    pack,
    prefer,
    runs,
    serve,
    study,
    sweep,
    train,
)
from roleplay.cli.output import complain
from roleplay.errors import RoleplayError, UsageError

app = typer.Typer(
    name="roleplay",
    help="Build, tune and talk to character chatbots.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(cards.app, name="cards")
app.add_typer(chats.app, name="chats")
app.add_typer(data.app, name="data")
app.add_typer(runs.app, name="runs")
app.add_typer(pack.app, name="pack")
app.add_typer(knowledge.app, name="knowledge")
app.command("train")(train.train)
app.command("chat")(chat.chat)
app.command("prefer")(prefer.prefer)
app.command("serve")(serve.serve)
app.command("evaluate")(evaluate.evaluate)
app.command("sweep")(sweep.sweep)
app.command("study")(study.study)
app.command("export")(export.export)
app.command("demo")(demo.demo)
app.command("locate")(locate.locate)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Build, tune and talk to character chatbots."""


def main() -> None:
    """Run a command; exit status 0 done, 1 a named error, 2 wrong usage, 130 interrupted."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr does: a stream may know ASCII alone
    try:
        app(prog_name="roleplay")
    except UsageError as error:
        complain(str(error))
        sys.exit(2)
    except RoleplayError as error:
        complain(str(error))
        sys.exit(1)
    except SystemExit as ended:
        # typer makes a silent exit of Ctrl-C; commands that end in order on it say so themselves.
        if isinstance(getattr(ended.__context__, "__cause__", None), KeyboardInterrupt):
            complain("interrupted")
        raise
    except BrokenPipeError:
        # The reader of a pipe left: nothing more to say, and nobody to say it to.
        sys.stderr.close()
        sys.exit(0)
