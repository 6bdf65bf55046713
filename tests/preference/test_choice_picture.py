"""Runs by choices are drawn: a panel for each held-out figure."""

from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from roleplay.preference.picture import draw_choices

PAIRS = [{"step": 0, "eval_pair_accuracy": 0.5}, {"step": 5, "loss": 0.6}, {"step": 10, "eval_pair_accuracy": 0.9}]
DRAWN = [{"step": 0, "eval_reward": 1.0, "eval_kl": 0.0}, {"step": 2, "reward": 1.2}, {"step": 4, "eval_kl": 9.0}]


@pytest.fixture
def panels(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Names of the panels of each picture."""
    seen: list[list[str]] = []
    save = Figure.savefig

    def noted(self: Figure, *args: Any, **options: Any) -> None:
        seen.append([axes.get_ylabel() for axes in self.axes])
        save(self, *args, **options)

    monkeypatch.setattr(Figure, "savefig", noted)
    return seen


@pytest.mark.parametrize(
    ("metrics", "names"),
    [(PAIRS, ["held-out pairs right"]), (DRAWN, ["reward", "nats per reply from the start"])],
)
def test_a_panel_for_each_figure(
    tmp_path: Path, panels: list[list[str]], metrics: list[dict[str, Any]], names: list[str]
) -> None:
    path = tmp_path / "choices.png"
    assert draw_choices(metrics, "pell: run", path, 5.0)
    assert panels == [names]
    assert path.read_bytes().startswith(b"\x89PNG")


def test_nothing_is_drawn_of_nothing(tmp_path: Path) -> None:
    assert not draw_choices([{"step": 1, "loss": 2.0}], "pell: run", tmp_path / "choices.png", None)
    assert not list(tmp_path.iterdir())
