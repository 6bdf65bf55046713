"""The picture of a run by choices: held-out figures by step, and where replies are drawn, how far they went."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roleplay.paths import write_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _NOISE, _TRAIN, _HELDOUT, _LIMIT = "#333a44", "#d3dae3", "#8494a8", "#2f6f9f", "#c2543c"
_PANELS: tuple[tuple[str, str, str], ...] = (
    ("eval_pair_accuracy", "", "held-out pairs right"),
    ("eval_reward", "reward", "reward"),
    ("eval_kl", "", "nats per reply from the start"),
)
"""Held-out figure, the same of the replies that are learned from, and what it is."""


def draw_choices(metrics: Sequence[Mapping[str, Any]], title: str, path: Path, max_kl: float | None) -> bool:
    """Write a PNG with a panel for each figure that was logged; `False` where there is none."""
    from matplotlib.figure import Figure

    shown = [panel for panel in _PANELS if any(panel[0] in entry for entry in metrics)]
    if not shown:
        return False
    figure = Figure(figsize=(8, 1 + 2.4 * len(shown)), dpi=120, layout="constrained")
    every = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (heldout, drawn, label) in zip(every, shown, strict=True):
        _draw(axes, metrics, heldout, drawn)
        axes.set_ylabel(label)
        if heldout == "eval_pair_accuracy":
            axes.set_ylim(0, 1.02)
            axes.axhline(0.5, color=_NOISE, linewidth=1, linestyle=":")
        if heldout == "eval_kl" and max_kl is not None and max_kl < 2 * max(e.get(heldout, 0) for e in metrics):
            axes.axhline(max_kl, color=_LIMIT, linewidth=1, label="--max-kl")
            axes.legend(frameon=False)
    every[0].set_title(title, loc="left", color=_INK, fontsize=11)
    every[-1].set_xlabel("optimizer step")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    write_file(path, buffer.getvalue())
    return True


def _draw(axes: "Axes", metrics: Sequence[Mapping[str, Any]], heldout: str, drawn: str) -> None:
    trained = [(entry["step"], entry[drawn]) for entry in metrics if drawn and drawn in entry]
    if trained:
        axes.plot(*zip(*trained, strict=True), color=_TRAIN, linewidth=1.2, label="replies learned from")
    measured = [(entry["step"], entry[heldout]) for entry in metrics if heldout in entry]
    axes.plot(*zip(*measured, strict=True), color=_HELDOUT, linewidth=2, marker="o", markersize=3, label="held out")
    axes.grid(axis="y", color="#e4e8ee")
    axes.spines[["top", "right"]].set_visible(False)
    if trained:
        axes.legend(frameon=False)
