"""Pell with runs whose adapters are random, and everything in its place."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from roleplay.models.base import Base
from roleplay.paths import Home
from roleplay.training.run import Run
from tests.tiny import save_tiny_adapter
from tests.training.test_removing import CONFIG


def finished_run(home: Home, name: str, base: Base | Path | None = None, seed: int = 0, **settings: Any) -> Run:
    """A run of Pell's with `settings`; its best adapter has the weights of `seed`, or none where there is no base."""
    run = Run(home.runs / "pell" / name)
    run.adapter("best").parent.mkdir(parents=True)
    if base is None:
        run.adapter("best").mkdir()
    else:
        save_tiny_adapter(base, run.adapter("best"), seed, character="pell", run=name)
    source = str(base) if isinstance(base, Path) else CONFIG.base_source
    config = replace(CONFIG, settings=CONFIG.settings.model_copy(update=settings), base_source=source)
    run.write_config(config, "name: pell\n")
    run.write_summary({})
    return run
