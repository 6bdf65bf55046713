"""The adapter that a run goes on from, and what that one was trained on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from roleplay.dataset.build import Extra
from roleplay.dataset.kept import load_dialogues
from roleplay.errors import RunError, UsageError
from roleplay.models.find import adapter_folders
from roleplay.models.shape import read_shape
from roleplay.paths import Home, shown
from roleplay.training.resolve import Resolved
from roleplay.training.run import Run, find_run, runs_of


def find_origin(home: Home, character: str, text: str) -> Path:
    """Folder of the adapter called `text`: a folder, a run of the character, or `latest` for the one chat would use.

    Raises RunError where there is none.
    """
    folder = Path(text).expanduser()
    if (folder / "adapter_config.json").is_file():
        return folder.absolute()
    if text == "latest":
        found = adapter_folders(home, character)
        if not found:
            raise RunError(f"{character} has no adapter to go on from; 'roleplay train {character}' alone begins one")
        return found[0].absolute()
    names = [run.name for run in runs_of(home, character)]
    if text not in names and (folder.is_dir() or not names):
        raise RunError(f"there is no adapter in {shown(folder)}, and {character} has no run of that name")
    run = find_run(home, character, text)
    if (run.folder / "reward").is_dir():
        raise RunError(f"the run {run.name} makes a reward model, no adapter to go on from; name another")
    if not run.adapter("best").is_dir():
        raise RunError(f"the run {run.name} has made no adapter yet; go on with it, or name another")
    return run.adapter("best").absolute()


def with_origin(resolved: Resolved, home: Home, character: str, typed: Mapping[str, Any]) -> Resolved:
    """Settings with the folder of `from_adapter` found, and the shape of its weights in force.

    Raises UsageError where another shape was typed.
    """
    settings = resolved.settings
    if settings.from_adapter is None:
        return resolved
    folder = find_origin(home, character, settings.from_adapter)
    shape = read_shape(folder)
    kept = {"rank": shape.rank, "alpha": shape.alpha, "rslora": shape.rslora}
    odd = {key: typed[key] for key in kept if typed.get(key) not in (None, kept[key])}
    if odd:
        listed = ", ".join(f"--{key} {value} (it has {kept[key]})" for key, value in odd.items())
        raise UsageError(f"the adapter in {shown(folder)} keeps its shape, but {listed} was typed; leave it out")
    settings = settings.model_copy(update=kept | {"from_adapter": str(folder)})
    return Resolved(resolved.preset, settings, {**resolved.sources, **dict.fromkeys(kept, "adapter")})


def replayed(adapter: str, weight: float) -> list[Extra]:
    """The corpora of the run that `adapter` comes from, at `weight` times theirs. Raises RunError or FileFaults."""
    run = Run(Path(adapter).parent.parent)
    if not run.dialogues.is_file():
        raise RunError(
            f"there is no {shown(run.dialogues)}: nobody kept what that adapter was trained on; name those corpora on "
            "the card, and set --replay 0"
        )
    return [part._replace(weight=part.weight * weight) for part in load_dialogues(run.dialogues)]
