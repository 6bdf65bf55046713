"""One adapter is made the character's own: it answers, whatever is trained later, until that is taken back."""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict

from roleplay.errors import AdapterError
from roleplay.models.find import (
    AdapterChoice,
    Promoted,
    adapter_choices,
    answering_adapter,
    promoted_adapter,
    promoted_file,
    read_promoted,
    run_folders,
)
from roleplay.models.passport import read_passport
from roleplay.paths import Home, shown, storing, write_file
from roleplay.text import did_you_mean, one_line


def promote(home: Home, character: str, name: str) -> AdapterChoice:
    """Make the adapter `name` the character's: `RUN@which`, or `RUN` for its best; a run called `shipped` ships.

    Raises AdapterError where there is no such adapter, or nobody can tell its base; StorageError where that cannot be
    kept.
    """
    run, _, which = name.partition("@")
    which = which or "best"
    choices = adapter_choices(home, character)
    chosen = next((choice for choice in choices if (choice.run, choice.which) == (run, which)), None)
    if chosen is None:
        raise AdapterError(_why_not(home, character, run, which, choices))
    read_passport(chosen.folder)
    write_file(promoted_file(home, character), json.dumps(asdict(Promoted(run, which))) + "\n")
    return chosen


def take_back(home: Home, character: str) -> None:
    """Let the newest finished run answer again, also where what was promoted cannot be read. Raises StorageError."""
    path = promoted_file(home, character)
    with storing(path):
        path.unlink(missing_ok=True)


def forget_removed(home: Home, character: str, runs: Collection[str]) -> Promoted | None:
    """Take the promotion back if it was one of `runs`, which are removed; returns it.

    Else a later run of the same name would be the promoted one.
    """
    try:
        own = read_promoted(home, character)
    except AdapterError:
        return None
    if own is None or own.run not in runs:
        return None
    take_back(home, character)
    return own


def promotion_trouble(home: Home, character: str) -> str:
    """Why what was promoted does not answer, with what to do; empty where it does, or nothing was."""
    try:
        own = read_promoted(home, character)
    except AdapterError as error:
        return str(error)
    if own is None or promoted_adapter(home, character) is not None:
        return ""
    now = answering_adapter(home, character)
    instead = f"{now.label} answers" if now is not None else "the base answers alone"
    return (
        f"{own.label} was promoted for {character} and is gone, so that {instead}; promote another with "
        f"'roleplay runs promote {character} RUN', or none with --none"
    )


def _why_not(home: Home, character: str, run: str, which: str, choices: Sequence[AdapterChoice]) -> str:
    """Why there is no adapter `which` of `run`, and what to do."""
    begun = {path.name: path for path in run_folders(home, character) if (path / "run.json").is_file()}
    known = list(dict.fromkeys([*(choice.run for choice in choices), *begun]))
    if not known:
        return f"{one_line(character)} has no adapter yet; 'roleplay train {one_line(character)}' makes one"
    if run not in known:
        return f"there is no run '{one_line(run)}' of {character}; {did_you_mean(run, known)}"
    the_run = f"the run {run} of {character}"
    if kept := [choice.which for choice in choices if choice.run == run]:
        return f"{the_run} has no adapter '{one_line(which)}'; {did_you_mean(which, kept)}"
    if not (begun[run] / "summary.json").is_file():
        resume = f"'roleplay train {character} --resume --run {run}'"
        return f"{the_run} is not finished; wait for it, or go on with it: {resume}"
    if (begun[run] / "base").is_dir():
        base = shown(begun[run] / "base" / "best")
        return f"{the_run} tuned the base itself and made no adapter; chat with --base {base}"
    if (begun[run] / "reward").is_dir():
        return f"{the_run} made a reward model, which answers nothing; promote another"
    return f"{the_run} holds no adapter any more; promote another, or train again"
