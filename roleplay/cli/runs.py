"""`roleplay runs`: list, show, draw, promote and remove trainings."""

from typing import TYPE_CHECKING

import typer

from roleplay.cli.output import emit, emit_json, emit_painted, say

if TYPE_CHECKING:
    from roleplay.paths import Home
    from roleplay.training.run import Run

app = typer.Typer(help="List, show, draw, promote and remove trainings.", no_args_is_help=True, rich_markup_mode=None)

_NAME = typer.Argument(help="Name of a character.")
_RUN = typer.Argument(None, help="Name of a run; the newest if left out.")
_STYLES = {"finished": "32", "stopped": "33", "training": "36", "damaged": "31"}


@app.command("list")
def list_runs(
    name: str = typer.Argument(None, help="Name of a character; all characters if left out."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON array."),
) -> None:
    """List the runs of a character or of all, the newest first."""
    from roleplay.models.find import promoted_adapter
    from roleplay.models.promoted import promotion_trouble
    from roleplay.paths import find_home, shown
    from roleplay.training.listing import characters_with_runs
    from roleplay.training.run import runs_of

    home = find_home()
    names = [name] if name else characters_with_runs(home)
    found = [(run, run.row() | {"promoted": _promoted(home, run)}) for one in names for run in runs_of(home, one)]
    rows = [row for run, row in found if run.changed is not None]  # one that was removed meanwhile is none
    for character in names:
        own = promoted_adapter(home, character)
        if own is not None and own.run == "shipped":  # it has no row
            say(f"{own.label} is promoted for {character}")
        elif trouble := promotion_trouble(home, character):
            say(trouble)
    if as_json:
        emit_json(rows)
        return
    for row in rows:
        best = "" if row["best_heldout_loss"] is None else f"  held-out {row['best_heldout_loss']:.3f}"
        emit_painted(
            [
                (f"{row['character']:<12} {row['run']:<32} ", "1"),
                (f"{row['state']:<9}", _STYLES[row["state"]]),
                (f"{row['steps']:>6} steps on {row['base']}{best}", ""),
                (f"  promoted: {row['promoted']}" if row["promoted"] else "", "32"),
            ]
        )
    if not rows:
        say(f"no runs in {shown(home.runs)} yet; 'roleplay train {name or 'yui'}' makes one")


@app.command("show")
def show_run(
    name: str = _NAME,
    run: str = _RUN,
    as_json: bool = typer.Option(False, "--json", help="Print configuration and summary as one JSON object."),
) -> None:
    """Show what decided a run and what came of it."""
    from dataclasses import asdict

    from roleplay.cli.train import emit_summary
    from roleplay.paths import find_home, shown
    from roleplay.training.run import find_run

    home = find_home()
    found = find_run(home, name, run)
    config = found.read_config()
    summary = found.read_summary() if found.finished else None
    promoted = _promoted(home, found)
    if as_json:
        told = {"settings": config.settings.model_dump(), "state": found.state, "promoted": promoted}
        emit_json(asdict(config) | told | {"summary": summary})
        return
    emit_painted([(f"{name}/{found.name}", "1"), (f"  {found.state}  {shown(found.folder)}", "2")])
    if promoted:
        emit_painted([(f"promoted: {promoted}", "32")])
    revision = f"@{config.base.revision}" if config.base.revision else ""
    emit(f"{config.base.name}{revision}, adapter on {config.targets}")
    decided = config.decisions
    because = f" ({decided.batching_because})" if decided.batching_because else ""
    emit(f"{decided.dtype} on {decided.device}, {decided.threads} threads, batching {decided.batching}{because}")
    for key, value in config.settings.model_dump().items():
        emit_painted([(f"  {key:<20} {value!s:<12}", ""), (config.sources.get(key, ""), "2")])
    emit("  ".join(f"{library} {version}" for library, version in config.environment.items()))
    if summary:
        emit_summary(summary)
    else:
        say(f"'roleplay train {name} --resume --run {found.name}' goes on")


@app.command("plot")
def plot_run(name: str = _NAME, run: str = _RUN) -> None:
    """Draw the losses of a run anew, while it trains too; prints the picture's path."""
    from roleplay.errors import RunError
    from roleplay.paths import find_home, shown
    from roleplay.training.picture import draw_losses
    from roleplay.training.run import find_run, read_metrics

    found = find_run(find_home(), name, run)
    metrics = read_metrics(found.metrics)
    if not metrics:
        raise RunError(f"{shown(found.metrics)} holds no losses yet; wait for the first log entry")
    draw_losses(metrics, f"{name}: {found.name}", found.picture)
    emit(shown(found.picture))


@app.command("promote")
def promote_adapter(
    name: str = _NAME,
    run: str = typer.Argument(
        None, metavar="RUN[@WHICH]", help="A run, or shipped; then best (if left out), last or a kept epoch-N."
    ),
    none: bool = typer.Option(False, "--none", help="Take it back: the newest finished run answers again."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Make one adapter the character's, whatever is trained later; prints the adapter that answers now."""
    from roleplay.errors import UsageError
    from roleplay.models.find import answering_adapter
    from roleplay.models.promoted import promote, take_back
    from roleplay.paths import find_home

    if none == (run is not None):
        raise UsageError("name one adapter, such as RUN or RUN@last, or take the promotion back with --none")
    home = find_home()
    if none:
        take_back(home, name)
    else:
        promote(home, name, run)
    now = answering_adapter(home, name)
    if as_json:
        emit_json({"character": name, "adapter": now.label if now is not None else None, "promoted": not none})
    elif now is not None:
        emit(now.label)
    else:
        say(f"{name} has no adapter yet; 'roleplay train {name}' makes one")


@app.command("rm")
def remove_runs(
    name: str = _NAME,
    runs: list[str] = typer.Argument(help="Names of runs."),
    yes: bool = typer.Option(False, "--yes", help="Do not ask."),
) -> None:
    """Remove runs with their adapters and checkpoints; all of them, or, where a name is wrong, none."""
    import sys

    from roleplay.errors import UsageError
    from roleplay.models.find import answering_adapter
    from roleplay.models.promoted import forget_removed
    from roleplay.paths import find_home, shown
    from roleplay.training.background import remove
    from roleplay.training.run import find_run

    home = find_home()
    found = {run: find_run(home, name, run) for run in runs}
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("removing cannot be undone, and nobody can be asked here; add --yes")
        typer.confirm(f"remove {', '.join(found)} of {name}, adapters included?", abort=True, err=True)
    for removed in remove(home, name, runs):
        emit(shown(removed.folder))
    if fallen := forget_removed(home, name, runs):
        now = answering_adapter(home, name)
        say(f"{fallen.label} was promoted; now {now.label if now is not None else 'the base alone'} answers")


def _promoted(home: "Home", run: "Run") -> str | None:
    """Which adapter of `run` is promoted; `None` where none is."""
    from roleplay.models.find import promoted_adapter

    own = promoted_adapter(home, run.folder.parent.name)
    return own.which if own is not None and own.run == run.name else None
