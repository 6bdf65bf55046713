"""The runs of a character or of all, as a list shows them."""

from dataclasses import dataclass

from roleplay.models.find import adapter_folders
from roleplay.paths import Home
from roleplay.training.curves import Curves, curves_of
from roleplay.training.run import Run, read_metrics, runs_of


@dataclass(frozen=True)
class ListedRun:
    """A run in a list."""

    run: Run
    """Its folder."""
    character: str
    """Whose it is."""
    state: str
    """`finished`, `training`, `stopped` or `damaged`."""
    answers: bool
    """Whether its adapter is the one that chat takes by itself."""
    preset: str
    """Preset underneath its settings; empty where the run is damaged."""
    base: str
    """Name of its base; likewise."""
    steps: int
    """Optimizer steps done."""
    best: float | None
    """Lowest held-out loss; `None` where none was measured."""
    curves: Curves
    """Its losses."""


def characters_with_runs(home: Home) -> list[str]:
    """Names of the folders that hold runs."""
    return sorted(path.name for path in home.runs.iterdir() if path.is_dir()) if home.runs.is_dir() else []


def listed_runs(home: Home, character: str | None) -> list[ListedRun]:
    """Runs of `character`, the newest first; without one, those of every character by name."""
    names = characters_with_runs(home) if character is None else [character]
    found = [_listed(home, name, run) for name in names for run in runs_of(home, name)]
    return [listed for listed in found if listed.run.changed is not None]  # the others were removed in the meantime


def _listed(home: Home, name: str, run: Run) -> ListedRun:
    row = run.row()
    chosen = adapter_folders(home, name)[:1]
    return ListedRun(
        run=run,
        character=name,
        state=row["state"],
        answers=bool(chosen) and chosen[0].is_relative_to(run.folder),
        preset=row["preset"],
        base=row["base"],
        steps=row["steps"],
        best=row["best_heldout_loss"],
        curves=curves_of(read_metrics(run.metrics)),
    )
