"""The measures of two evaluations held together, each in the lane that says most."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from roleplay.evaluation.against.comparison import Figure
from roleplay.evaluation.against.items import items_of
from roleplay.evaluation.against.paired import Items, difference, figure_of
from roleplay.evaluation.heard import Heard
from roleplay.evaluation.report import Measure

_LANES = ("persona+prefix", "persona")
"""Of a measure that both have, the first is compared; the second has those about what the base still knows."""


@dataclass(frozen=True)
class Evaluated:
    """One adapter, measured by itself."""

    measures: Sequence[Measure]
    """Every figure of its report."""
    heard: Heard
    """What they were computed from."""


def measured_figures(before: Evaluated, after: Evaluated) -> list[Figure]:
    """Every measure that both have, in the order of the report, and how much single replies repeat themselves."""
    old, new = items_of(before.heard), items_of(after.heard)
    earlier = {measure.name: measure for measure in before.measures}
    figures = [
        figure
        for measure in after.measures
        if measure.name in earlier
        for figure in _figure(earlier[measure.name], measure, old.get(measure.name, {}), new.get(measure.name, {}))
    ]
    at = max((i for i, figure in enumerate(figures, 1) if figure.section == "manner"), default=len(figures))
    return [*figures[:at], *_repeats(old.get("repeats", {}), new.get("repeats", {})), *figures[at:]]


def _figure(before: Measure, after: Measure, old: Items, new: Items) -> Iterator[Figure]:
    lane = next((lane for lane in _LANES if lane in before.lanes and lane in after.lanes), None)
    if lane is not None:
        yield Figure(
            after.name,
            after.section,
            after.title,
            after.better,
            lane,
            before.lanes[lane],
            after.lanes[lane],
            difference(old, new),
            after.scale,
            after.note,
        )


def _repeats(old: Items, new: Items) -> Iterator[Figure]:
    if old and new:
        yield Figure(
            "repeats",
            "manner",
            "says again within a reply",
            "lower",
            _LANES[0],
            figure_of(old),
            figure_of(new),
            difference(old, new),
            "percent",
            "Share of a reply's bigrams that it says a second time, the mean over replies.",
        )
