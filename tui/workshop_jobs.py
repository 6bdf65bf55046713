"""What blocks where characters are made and trained, to be run in threads: each posts what came of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roleplay.errors import FileFaults, RoleplayError
from tui.aside import Aside
from tui.jobs import Post
from tui.messages import Refused
from tui.workshop_messages import (
    AnswersNow,
    CardRead,
    CharacterAdded,
    CorpusCounted,
    EvaluationsRead,
    LookedAt,
    NotAdded,
    PlanTold,
    RunChosen,
    RunsRead,
    SettingsResolved,
    StatisticsTold,
)

if TYPE_CHECKING:
    from roleplay.authoring.tavern_in import ImportedCard
    from roleplay.paths import Home
    from roleplay.training.run import Run


def read_card(post: Post, home: "Home", name: str) -> None:
    """Read a card and count its corpora, or find all its faults."""
    from roleplay.cards.find import find_card
    from roleplay.cards.load import load_card
    from roleplay.dataset.entries import all_faults
    from roleplay.dataset.sheet import held_corpora

    try:
        path = find_card(name, home)
        try:
            card_file = load_card(path)
        except FileFaults:
            post(CardRead(name, None, tuple(str(fault) for fault in all_faults(path))))
            return
        post(CardRead(name, card_file, ()))
        for corpus in held_corpora(card_file, name):
            post(CorpusCounted(name, corpus))
    except RoleplayError as error:
        post(CardRead(name, None, (str(error),)))


def measure_corpora(post: Post, name: str, aside: Aside) -> None:
    """Hear what `roleplay data stats` says."""
    try:
        told = StatisticsTold(name, aside.words())
    except RoleplayError as error:
        told = StatisticsTold(name, str(error))
    if not aside.closed:
        post(told)


def add_character(post: Post, home: "Home", typed: Mapping[str, str]) -> None:
    """Write a sketch of a new character."""
    from dataclasses import replace

    from roleplay.authoring.scaffold import default_wishes, guess_language, write_scaffold
    from roleplay.authoring.tavern_in import default_folder
    from roleplay.paths import shown

    name, shown_as = typed["name"], typed["display_name"]
    try:
        wishes = default_wishes(name or "?", typed["language"] or guess_language(shown_as))
        wishes = replace(wishes, display_name=shown_as or wishes.display_name)
        files = write_scaffold(name, default_folder(home), wishes, home, force=False)
    except RoleplayError as error:
        post(NotAdded("new", typed, str(error)))
        return
    written = "\n".join(f"wrote {shown(path)}" for path in files)
    post(CharacterAdded(name, f"{written}\n\nA sketch to be rewritten; the card's first lines say how to go on."))


def import_character(post: Post, home: "Home", typed: Mapping[str, str]) -> None:
    """Import a card of another program."""
    from roleplay.authoring.tavern_in import default_folder, import_card

    try:
        source = Path(typed["path"]).expanduser()
        done = import_card(source, default_folder(home), name=typed["name"] or None)
    except (RoleplayError, RuntimeError) as error:  # RuntimeError: a `~name` that nobody is called
        post(NotAdded("import", typed, str(error)))
        return
    post(CharacterAdded(done.name, _imported(done, home)))


def resolve_settings(
    post: Post, number: int, home: "Home", name: str, preset: str | None, typed: Mapping[str, Any]
) -> None:
    """Find the settings that would be trained with, asked as question `number`."""
    from roleplay.cards.find import open_card
    from roleplay.models.spec import parse_spec
    from roleplay.training.resolve import resolve

    try:
        card_file = open_card(name, home)
        base = parse_spec(typed.get("base") or card_file.card.base)
        settings = {key: value for key, value in typed.items() if key != "base"}
        post(SettingsResolved(number, resolve(card_file, base.name, preset, settings), ""))
    except RoleplayError as error:
        post(SettingsResolved(number, None, str(error)))


def tell_plan(post: Post, aside: Aside) -> None:
    """Hear what `roleplay train --plan` says."""
    try:
        told = PlanTold(aside.words(), failed=False)
    except RoleplayError as error:
        told = PlanTold(str(error), failed=True)
    if not aside.closed:
        post(told)


def begin_run(post: Post, home: "Home", name: str, preset: str, typed: Mapping[str, Any], run: str | None) -> None:
    """Start a training in the background."""
    from roleplay.training.background import begin

    try:
        post(RunChosen(begin(home, name, preset, typed, run)))
    except RoleplayError as error:
        post(Refused(str(error)))


def newest_run(post: Post, home: "Home", name: str) -> None:
    """Find the run of a character that was begun last."""
    from roleplay.training.background import newest_begun

    run = newest_begun(home, name)
    if run is not None:
        post(RunChosen(run))


def look(post: Post, run: "Run") -> None:
    """Read where a run is."""
    from roleplay.training.progress import look_at

    try:
        post(LookedAt(look_at(run)))
    except RoleplayError as error:
        post(Refused(str(error)))


def stop_run(post: Post, run: "Run") -> None:
    """Ask a training to save and end."""
    from roleplay.training.background import stop

    try:
        stop(run)
    except RoleplayError as error:
        post(Refused(str(error)))


def resume_run(post: Post, run: "Run") -> None:
    """Go on with a run in the background."""
    from roleplay.training.background import go_on

    try:
        go_on(run)
        post(RunChosen(run))
    except RoleplayError as error:
        post(Refused(str(error)))


def read_runs(post: Post, home: "Home", name: str | None) -> None:
    """Read the runs of a character, or of all, and what is promoted."""
    from roleplay.models.find import promoted_adapter
    from roleplay.training.listing import listed_runs

    try:
        runs = listed_runs(home, name)
    except RoleplayError as error:
        post(Refused(str(error)))
        return
    owned = ((who, promoted_adapter(home, who)) for who in {listed.character for listed in runs})
    post(RunsRead(runs, {home.runs / who / own.run: own.which for who, own in owned if own is not None}))


def promote_run(post: Post, home: "Home", name: str, run: str | None, shown: str | None) -> None:
    """Make the best adapter of `run` the character's, or, without one, take that back; then read those of `shown`."""
    from roleplay.models.promoted import promote, take_back

    try:
        if run is None:
            take_back(home, name)
        else:
            promote(home, name, run)
        post(_answers_now(home, name))
    except RoleplayError as error:
        post(Refused(str(error)))
    read_runs(post, home, shown)


def remove_runs(post: Post, home: "Home", named: Mapping[str, list[str]], shown: str | None) -> None:
    """Remove runs by character, with a promotion of one of them, then read those of `shown` anew."""
    from roleplay.models.promoted import forget_removed
    from roleplay.training.background import remove

    try:
        for name, runs in named.items():
            remove(home, name, runs)
            if forget_removed(home, name, runs) is not None:
                post(_answers_now(home, name))
    except RoleplayError as error:
        post(Refused(str(error)))
    read_runs(post, home, shown)


def read_evaluations(post: Post, home: "Home", whose: str | None, name: str | None, run: str | None) -> None:
    """Read the evaluations of `whose`, or of all, and how far that of `name` is; `run` is what would come next."""
    from roleplay.evaluation.background import look_at
    from roleplay.evaluation.listing import listed_evaluations
    from roleplay.models.find import answering_adapter

    try:
        found = listed_evaluations(home, whose)
        answering = answering_adapter(home, name) if name and not run else None
        adapter = f"{run}@best" if run else answering.label if answering else ""
        post(EvaluationsRead(found, name, adapter, look_at(home, name) if name else None))
    except RoleplayError as error:
        post(Refused(str(error)))


def begin_evaluation(post: Post, home: "Home", name: str, quick: bool, run: str | None) -> None:
    """Start an evaluation in the background."""
    from roleplay.evaluation.background import begin

    try:
        begin(home, name, quick=quick, run=run)
    except RoleplayError as error:
        post(Refused(str(error)))


def stop_evaluation(post: Post, home: "Home", name: str) -> None:
    """Ask an evaluation to end."""
    from roleplay.evaluation.background import stop

    try:
        stop(home, name)
    except RoleplayError as error:
        post(Refused(str(error)))


def _answers_now(home: "Home", name: str) -> AnswersNow:
    from roleplay.models.find import answering_adapter

    now = answering_adapter(home, name)
    return AnswersNow(name, now.label if now is not None else "")


def _imported(done: "ImportedCard", home: "Home") -> str:
    from roleplay.paths import shown

    lines = [f"wrote {shown(done.path)}", *(f"corpus {shown(path)}" for path in done.corpora)]
    if done.avatar:
        lines.append(f"avatar {shown(done.avatar)}")
    lines += ["", *(f"{entry.field:<26} {entry.place}" for entry in done.became)]
    if done.aside:
        lines += ["", f"kept aside, given back on export: {', '.join(done.aside)}"]
    lines += [f"warning: the card {warning}" for warning in done.warnings]
    return "\n".join([*lines, "", done.next_step(home)])
