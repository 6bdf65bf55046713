"""The loss picture of a run: training and held-out loss by step, the best step marked."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from roleplay.paths import write_file
from roleplay.training.curves import curves_of

_INK, _NOISE, _TRAIN, _HELDOUT, _BEST = "#333a44", "#d3dae3", "#8494a8", "#2f6f9f", "#c2543c"


def draw_losses(metrics: Sequence[dict[str, Any]], title: str, path: Path) -> None:
    """Write a PNG; nothing is drawn where nothing was logged yet."""
    from matplotlib.figure import Figure

    curves = curves_of(metrics)
    if not curves.training and not curves.heldout:
        return
    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    if curves.training:
        axes.plot(curves.training.steps, curves.training.losses, color=_NOISE, linewidth=1)
        smoothed = curves.smoothed
        axes.plot(smoothed.steps, smoothed.losses, color=_TRAIN, linewidth=1.6, label="training, smoothed")
    if curves.heldout:
        heldout = curves.heldout
        axes.plot(
            heldout.steps, heldout.losses, color=_HELDOUT, linewidth=2, marker="o", markersize=3, label="held-out"
        )
        if curves.best:
            step, loss = curves.best
            axes.scatter([step], [loss], s=70, color=_BEST, zorder=3, label=f"best: {loss:.3f} at step {step}")
    axes.set(xlabel="optimizer step", ylabel="loss")
    if min((*curves.training.losses, *curves.heldout.losses)) >= 0:  # where replies are rewarded, they are below
        axes.set_ylim(0)
    axes.set_title(title, loc="left", color=_INK, fontsize=11)
    axes.grid(axis="y", color="#e4e8ee")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    write_file(path, buffer.getvalue())
