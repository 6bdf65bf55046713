"""`roleplay sweep`: trainings one after another, and the table of what came of them."""

from typing import TYPE_CHECKING

import typer

from roleplay.cli.output import emit_json, emit_painted, say
from roleplay.cli.progress import Bar

if TYPE_CHECKING:
    from roleplay.paths import Home


def sweep(
    name: str = typer.Argument(help="Name of a character, or a card's path."),
    grid: list[str] = typer.Option(
        ..., "--grid", metavar="SETTING=V,V,…", help="Values to try, such as lr=1e-3,2e-3,rank=8,16; all combinations."
    ),
    preset: str = typer.Option(None, "--preset", help="A name of 'roleplay train --list-presets'."),
    base: str = typer.Option(None, "--base", help="pocket, a folder, or a hub id[@revision]."),
    full: bool = typer.Option(False, "--full/--quick", help="Evaluate each run with everything, or with a part."),
    evaluate: bool = typer.Option(True, "--evaluate/--no-evaluate", help="Measure replies too, or losses alone."),
    trust_remote_code: bool = typer.Option(False, "--trust-remote-code", help="Let the base's own code run."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON array."),
) -> None:
    """Train one run after another on a base that is loaded once, skip what is finished, compare them in a table.

    Ctrl-C saves and stops; the same command goes on.
    """
    from dataclasses import asdict

    from roleplay.cards.find import open_card
    from roleplay.evaluation.grid import parse_grid
    from roleplay.evaluation.measure_run import FEWER, Evaluation, evaluated_sweep
    from roleplay.evaluation.scope import FULL, QUICK
    from roleplay.evaluation.sweep import sweep as bare_sweep
    from roleplay.evaluation.sweep_rows import rows_table
    from roleplay.paths import find_home
    from roleplay.training.start import Start

    home = find_home()
    points = parse_grid(",".join(grid))
    start = Start(open_card(name, home), base, preset, {}, None, trust_remote_code)
    with Bar() as bar:
        evaluation = Evaluation(home, start, bar.tell, FULL if full else QUICK)
        if evaluate:
            rows = evaluated_sweep(evaluation, points, report=bar.report, say=bar.say)
        else:
            rows = bare_sweep(home, start, points, measure=lambda run, base: {}, report=bar.report, say=bar.say)
    if as_json:
        emit_json([asdict(row) | {"perplexity": row.perplexity} for row in rows])
    elif rows:
        for line in rows_table(rows, lower=FEWER):
            emit_painted(line)
    losses = {row.run: row.best_heldout_loss for row in rows if row.best_heldout_loss is not None}
    best = min(losses, key=lambda run: losses[run], default=None)
    say_who_answers(home, start.card_file.card.name, best)
    if len(rows) < len(points):
        raise typer.Exit(130)


def say_who_answers(home: "Home", character: str, best: str | None = None) -> None:
    """Which adapter a chat takes now, and how another is chosen; `best` is the run with the lowest held-out loss."""
    from roleplay.models.find import answering_adapter

    now = answering_adapter(home, character)
    if now is None:
        return
    other = best is not None and best != now.run
    lowest = f"; the lowest held-out loss has {best}" if other else ""
    run, makes = (best, "makes it") if other else ("RUN", "makes another")
    say(f"chat takes {now.label}{lowest}; 'roleplay runs promote {character} {run}' {makes} the character's")
