"""Which adapter a run's own is held against: the one it began with, or another of the character."""

from dataclasses import dataclass
from pathlib import Path

from roleplay.chat.open import Opened
from roleplay.errors import AdapterError, EvaluationError, RunError, UsageError
from roleplay.models.find import adapter_choices
from roleplay.models.passport import read_passport
from roleplay.paths import Home, shown
from roleplay.text import did_you_mean, one_line
from roleplay.training.run import Run
from roleplay.training.settings import Settings

START = "start"
"""What stands for the adapter that the run began with."""


@dataclass(frozen=True)
class Earlier:
    """The adapter before."""

    label: str
    """`RUN@which` or `shipped@best`; as its passport has it where it is no adapter of the character's."""
    folder: Path
    """Where it lies."""


def earlier_adapter(opened: Opened, against: str) -> Earlier:
    """`start`, or the label of an adapter of the character: `RUN[@which]`, `shipped`.

    Raises EvaluationError where the base answers alone, AdapterError where there is no such adapter, UsageError where
    both are one, RunError where nobody can tell what the run began with.
    """
    if opened.folder is None:
        name = opened.voice.card.name
        raise EvaluationError(f"{name} has no adapter on this base to compare; train one, or name another base")
    home, name = opened.home, opened.voice.card.name
    found = _start(home, name, opened.folder) if against == START else _named(home, name, against)
    if found.folder.resolve() == opened.folder.resolve():
        raise UsageError(f"--against {one_line(against)} is the adapter that is evaluated; name another, or --run")
    return found


def run_settings(folder: Path | None) -> Settings | None:
    """What decided the run that made the adapter in `folder`; `None` for one that came without. Raises RunError."""
    if folder is None:
        return None
    run = Run(folder.parents[1])
    return run.read_config().settings if (run.folder / "run.json").is_file() else None


def _start(home: Home, character: str, after: Path) -> Earlier:
    settings = run_settings(after)
    if settings is None:
        raise RunError(
            f"the adapter in {shown(after)} came without its run, so that nobody can tell what it began with; "
            "name the other adapter: --against RUN@which"
        )
    origin = settings.from_adapter
    if origin is None:
        raise RunError(
            "this run began with no adapter, so that its base is what was before, which 'roleplay evaluate' shows "
            "beside it; leave --against out, or name another adapter"
        )
    folder = Path(origin)
    if not folder.is_dir():
        raise AdapterError(
            f"the adapter that this run began with is gone from {shown(folder)}; name another: --against RUN@which"
        )
    return Earlier(_label(home, character, folder), folder)


def _label(home: Home, character: str, folder: Path) -> str:
    """Its label among the adapters of the character, else as its passport has it. Raises AdapterError."""
    choices = adapter_choices(home, character)
    label = next((choice.label for choice in choices if choice.folder.resolve() == folder.resolve()), None)
    return label or read_passport(folder).label


def _named(home: Home, character: str, against: str) -> Earlier:
    run, _, which = against.partition("@")
    choices = {choice.label: choice for choice in adapter_choices(home, character)}
    wanted = f"{run}@{which or 'best'}"
    if wanted not in choices:
        told = did_you_mean(wanted, [START, *choices])
        raise AdapterError(f"{character} has no adapter '{one_line(wanted)}'; {told}")
    return Earlier(wanted, choices[wanted].folder)
