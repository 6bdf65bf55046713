"""What goes along with an adapter to show that it works: how it was trained, and what was measured."""

import contextlib
import json
from typing import Any

from roleplay.errors import RunError
from roleplay.evaluation.listing import listed_evaluations
from roleplay.evaluation.report import Report
from roleplay.models.find import SHIPPED, AdapterChoice
from roleplay.packs.manifest import Evidence, Figure, PackedMeasure, PackedSample, Recipe
from roleplay.paths import Home
from roleplay.text import clean
from roleplay.training.run import Run

_PATHS = ("from_adapter", "pairs", "scheduler_options", "keep_epochs")
"""Settings that name a place on the author's machine, or are no plain values."""
_TRAINING = ("steps", "epochs", "training_loss", "heldout_loss", "best_heldout_loss", "best_step")
_SAMPLES = 4


def recipe_of(adapter: AdapterChoice) -> Recipe | None:
    """How the adapter was trained; `None` where its run kept nothing of it, as those that ship."""
    try:
        config = Run(adapter.folder.parents[1]).read_config()
    except RunError:
        return None
    settings = {key: value for key, value in config.settings.model_dump().items() if key not in _PATHS}
    return Recipe(preset=config.preset, settings=settings, dataset=config.dataset, environment=config.environment)


def evidence_of(home: Home, character: str, adapter: AdapterChoice) -> Evidence:
    """What the end of its training and the newest evaluation of this adapter found."""
    summary = _summary(adapter)
    report = _report(home, character, adapter)
    lanes = summary.get("heldout_bits_per_character")
    return Evidence(
        training={key: summary[key] for key in _TRAINING if isinstance(summary.get(key), int | float)},
        heldout_bits={lane: Figure(**bits) for lane, bits in lanes.items()} if isinstance(lanes, dict) else {},
        evaluation=[] if report is None else _measures(report),
        samples=[] if report is None else _samples(report),
    )


def _summary(adapter: AdapterChoice) -> dict[str, Any]:
    """Of its run; of those that ship, what the table on their card is made from."""
    folder = adapter.folder.parents[1]
    with contextlib.suppress(OSError, ValueError):
        if adapter.run != SHIPPED:
            found: dict[str, Any] = json.loads((folder / "summary.json").read_bytes())
            return found
        bars = json.loads((adapter.folder.parent / "bars.json").read_bytes())
        return {"training_loss": bars["training_loss"], "heldout_bits_per_character": bars["heldout_bits"]}
    return {}


def _report(home: Home, character: str, adapter: AdapterChoice) -> Report | None:
    """The newest report of this adapter, a full one if there is any."""
    found = [one for one in listed_evaluations(home, character) if one.adapter == adapter.label and one.report]
    return min(found, key=lambda one: one.size != "full").report if found else None


def _measures(report: Report) -> list[PackedMeasure]:
    return [
        PackedMeasure(
            name=measure.name,
            title=clean(measure.title),
            better=measure.better,
            scale=measure.scale,
            lanes={
                lane: Figure(value=found.value, low=found.low, high=found.high) for lane, found in measure.lanes.items()
            },
        )
        for measure in report.measures
    ]


def _samples(report: Report) -> list[PackedSample]:
    shown = [sample for sample in report.samples if sample.part in ("heldout", "identity", "out_of_world")]
    return [
        PackedSample(
            prompt=clean(sample.prompt)[:2000],
            replies={lane: clean(reply)[:2000] for lane, reply in sample.replies.items()},
        )
        for sample in shown[:_SAMPLES]
    ]
