"""`roleplay demo`: the main job in one go: train a character, then hear it beside the untouched base."""

from typing import TYPE_CHECKING, Any

import typer

from roleplay.cli.chat import reply
from roleplay.cli.output import emit, emit_painted, say
from roleplay.cli.train import emit_bits, tune

if TYPE_CHECKING:
    from roleplay.training.prepare import Job

_QUESTIONS = 5


def demo(
    name: str = typer.Argument("yui", help="Name of a character."),
    preset: str = typer.Option("quick", "--preset", help="Preset to train with."),
    seed: int = typer.Option(7, "--seed", help="Seed of the replies."),
) -> None:
    """Train NAME, then answer five held-out questions in four lanes. A finished run of the same card is used again."""
    from dataclasses import replace

    from roleplay.cards.find import open_card
    from roleplay.paths import find_home, shown
    from roleplay.training.start import Start, equal_run, load, plan_new, plan_resume

    home = find_home()
    start = Start(open_card(name, home), None, preset, {}, None)
    plan = plan_new(home, start)
    say(f"{start.card_file.card.display_name}: {start.card_file.card.description}")
    job = load(plan, start)
    former = equal_run(home, job.config)
    if former is not None and former.finished:
        say(f"using the run of before in {shown(former.folder)}; remove that folder to train again")
        summary = former.read_summary()
    else:
        if former is not None:
            start = replace(start, preset=None, run=former.name)
            job = load(plan_resume(home, start), start)
        with job.run.locked():
            summary = tune(job, resume=former is not None)
    if not summary["finished"]:
        say("stopped and saved; run the same command to go on")
        raise typer.Exit(130)
    _talk(name, summary, job, seed)
    emit()
    emit_bits(summary["heldout_bits_per_character"])
    emit(f"adapter  {summary['adapter']}\npicture  {summary['picture']}")
    emit(f"go on talking:  roleplay chat {name}")


def _talk(name: str, summary: dict[str, Any], job: "Job", seed: int) -> None:
    """Five held-out dialogues: the person's first turn, the written answer, and the four lanes'."""
    from roleplay.cards.find import open_card
    from roleplay.chat.open import open_character
    from roleplay.chat.sampled import card_sampling
    from roleplay.chat.session import Session
    from roleplay.generation.lanes import LANES
    from roleplay.paths import find_home

    home = find_home()
    card_file = open_card(name, home)
    opened = open_character(card_file, home, run=summary["run"])
    sampling = card_sampling(card_file.card, {"seed": seed})
    dialogues = [row.unit.dialogue for row in job.corpus.heldout() if row.unit.dialogue.turns[0].role == "user"]
    emit("\nheld-out questions: nothing of these dialogues was trained")
    for dialogue in dialogues[:: max(1, len(dialogues) // _QUESTIONS)][:_QUESTIONS]:
        emit_painted([(f"\n{card_file.card.user_name}: {dialogue.turns[0].text}", "1")])
        emit_painted([(f"{'(as written)':<15} ", "2"), (dialogue.turns[1].text, "2")])
        session = Session(card_file.card, opened.voice.prefixes, opened, None)
        reply(session, opened, dialogue.turns[0].text, list(LANES.values()), sampling, as_json=False)
