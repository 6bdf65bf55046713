"""Invented figures and a comparison of them, for tests of what is said and shown."""

from typing import Any

from roleplay.evaluation.against.comparison import Comparison, Figure, SideBySide
from roleplay.evaluation.report import Finding
from roleplay.measures.interval import Interval
from tests.evaluation.reports import around

TITLES = {
    "reward": "reward 'shorter(40)'",
    "style": "sounds like Mira (en)",
    "stopped": "end by themselves",
    "distinct_2": "distinct-2",
    "length": "length against the corpus's answer",
    "repeats": "says again within a reply",
    "copied": "copied from training",
    "retention_loss": "the base's own answers, nats per token",
    "pair_accuracy": "held-out pairs in the right order",
    "moved_reply": "KL from the adapter before, nats per reply",
}
_SECTIONS: dict[str, Any] = {
    "reward": "reward",
    "style": "style",
    "retention_loss": "retention",
    "pair_accuracy": "choices",
    "moved_reply": "reward",
}
_LOWER = ("copied", "retention_loss", "repeats")
_SHARES = ("stopped", "copied", "repeats", "pair_accuracy")


def figure(name: str, old: float, new: float, /, reach: float = 0.02, **changes: Any) -> Figure:
    """A figure whose difference has an interval `reach` to both sides."""
    fields: dict[str, Any] = {
        "name": name,
        "section": _SECTIONS.get(name, "manner"),
        "title": TITLES[name],
        "better": "lower" if name in _LOWER else "neither" if name in ("length", "moved_reply") else "higher",
        "lane": "persona+prefix",
        "before": around(old, reach),
        "after": around(new, reach),
        "difference": around(new - old, reach),
        "scale": "percent" if name in _SHARES else "number",
    }
    return Figure(**(fields | changes))


def compared(**changes: Any) -> Comparison:
    """A comparison of Mira's; `changes` replace its fields."""
    fields: dict[str, Any] = {
        "character": "mira",
        "display_name": "Mira",
        "language": "en",
        "base": "pocket",
        "before": "shipped@best",
        "after": "liked@best",
        "counts": {"held-out pairs": 24},
        "settings": {"reward": "shorter(40)"},
        "figures": (
            figure("pair_accuracy", 0.5, 0.75),
            figure("reward", 0.31, 0.96),
            figure("moved_reply", 0, 1.25, before=None, difference=None),
            figure("style", 0.8, 0.6),
            figure("distinct_2", 0.82, 0.11, difference=None, before=point(0.82), after=point(0.11)),
            figure("length", 1, 1.01),
        ),
        "samples": (SideBySide("heldout", "Soup?", "Soup's on.", "Yes."),),
        "findings": (Finding("warning", "It was gamed, not earned."),),
    }
    return Comparison(**(fields | changes))


def point(value: float) -> Interval:
    """A value without an interval."""
    return Interval(value, value, value)
