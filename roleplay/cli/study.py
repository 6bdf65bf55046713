"""`roleplay study`: what the prefix does in training."""

import typer

from roleplay.cli.output import emit_json, emit_painted, say
from roleplay.cli.progress import Bar
from roleplay.cli.sweep import say_who_answers


def study(
    name: str = typer.Argument(help="Name of a character, or a card's path."),
    preset: str = typer.Option(None, "--preset", help="A name of 'roleplay train --list-presets'."),
    epochs: float = typer.Option(None, "--epochs", help="Passes over the dataset, for each of the three runs."),
    base: str = typer.Option(None, "--base", help="pocket, a folder, or a hub id[@revision]."),
    full: bool = typer.Option(False, "--full/--quick", help="Evaluate each run with everything, or with a part."),
    trust_remote_code: bool = typer.Option(False, "--trust-remote-code", help="Let the base's own code run."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Train without the prefix, with it half the time, and always; ask each with it and without.

    Skips what is finished. Ctrl-C saves and stops; the same command goes on.
    """
    from dataclasses import asdict

    from roleplay.cards.find import open_card
    from roleplay.evaluation.measure_run import Evaluation
    from roleplay.evaluation.scope import FULL, QUICK
    from roleplay.evaluation.study import prefix_study
    from roleplay.evaluation.study_shown import study_table, write_study
    from roleplay.paths import find_home, shown
    from roleplay.training.start import Start

    home = find_home()
    start = Start(open_card(name, home), base, preset, {"epochs": epochs}, None, trust_remote_code)
    with Bar() as bar:
        evaluation = Evaluation(home, start, bar.tell, FULL if full else QUICK)
        found = prefix_study(evaluation, report=bar.report, say=bar.say)
    if found is None:
        raise typer.Exit(130)
    table, folder = found
    typed = {"--preset": preset, "--epochs": epochs and f"{epochs:g}", "--base": base}
    flags = [f"{flag} {value}" for flag, value in typed.items() if value is not None] + ["--full"] * full
    write_study(table, folder, " ".join(["roleplay study", name, *flags]))
    if as_json:
        emit_json(asdict(table))
    else:
        for line in study_table(table):
            emit_painted(line)
    say(f"picture and Markdown: {shown(folder)}")
    say_who_answers(home, table.character)
