"""What happens beside the training loop: metrics, progress, the picture, Ctrl-C."""

import contextlib
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from matplotlib.axes import Axes
from transformers import TrainerControl, TrainerState, TrainingArguments

from roleplay.errors import StorageError
from roleplay.paths import Home
from roleplay.training.picture import draw_losses
from roleplay.training.run import read_metrics
from roleplay.training.smooth import smooth
from roleplay.training.steer import Interrupt
from roleplay.training.watch import MetricsFile, Watch
from tests.training.pell import Crash, crash_at, interrupt_at, run_pell


@pytest.fixture
def arguments(tmp_path: Path) -> TrainingArguments:
    return TrainingArguments(output_dir=str(tmp_path), report_to=[], use_cpu=True)


def log(callback: MetricsFile | Watch, arguments: TrainingArguments, step: int, **logs: float) -> None:
    """Report `logs` at `step`, as the Trainer does."""
    state = TrainerState(global_step=step, epoch=step / 7)
    callback.on_log(arguments, state, TrainerControl(), logs={**logs, "epoch": step / 7})


def test_metrics_are_a_line_an_entry_and_the_trainers_closing_words_are_none(
    tmp_path: Path, arguments: TrainingArguments
) -> None:
    path = tmp_path / "metrics.jsonl"
    file = MetricsFile(path, 0)
    log(file, arguments, 1, loss=2.5)
    log(file, arguments, 2, eval_loss=1.5)
    log(file, arguments, 2, train_runtime=3.0, train_loss=2.0, total_flos=1e9)
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"step": 1, "epoch": 0.1429, "loss": 2.5},
        {"step": 2, "epoch": 0.2857, "eval_loss": 1.5},
    ]


@pytest.mark.parametrize(("resumed", "kept"), [(0, []), (1, [1]), (3, [1, 2, 3])])
def test_lines_beyond_the_checkpoint_are_dropped(tmp_path: Path, resumed: int, kept: list[int]) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps({"step": step}) + "\n" for step in (1, 2, 3)) + '{"step": 1, "lo')
    MetricsFile(path, resumed)
    assert [entry["step"] for entry in read_metrics(path)] == kept


def test_metrics_of_a_run_that_never_began_are_empty(tmp_path: Path) -> None:
    assert read_metrics(tmp_path / "none.jsonl") == []


def test_metrics_that_cannot_be_written_are_a_storage_error(tmp_path: Path, arguments: TrainingArguments) -> None:
    file = MetricsFile(tmp_path / "metrics.jsonl", 0)
    file.path.unlink()
    file.path.mkdir()
    with pytest.raises(StorageError, match="Is a directory"):
        log(file, arguments, 1, loss=1.0)


def test_progress_takes_over_losses_and_the_best_is_never_the_untrained_one(arguments: TrainingArguments) -> None:
    seen: list[tuple[Any, ...]] = []
    watch = Watch(lambda p: seen.append((p.loss, p.heldout, p.best)))
    log(watch, arguments, 0, eval_loss=1.0)
    log(watch, arguments, 2, loss=4.0)
    log(watch, arguments, 4, eval_loss=3.0)
    log(watch, arguments, 8, eval_loss=5.0)
    assert seen == [(None, 1.0, None), (4.0, 1.0, None), (4.0, 3.0, 3.0), (4.0, 5.0, 3.0)]


def test_what_is_left_is_estimated_from_the_steps_of_this_process(
    arguments: TrainingArguments, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([100.0, 104.0, 110.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    seen: list[tuple[Any, ...]] = []
    watch = Watch(lambda p: seen.append((p.step, p.steps, p.seconds, p.remaining)))
    watch.on_train_begin(arguments, TrainerState(global_step=6, max_steps=10), TrainerControl())
    for step in (7, 8):
        watch.on_step_end(arguments, TrainerState(global_step=step, max_steps=10), TrainerControl())
    assert seen == [(6, 10, 0.0, None), (7, 10, 4.0, 12.0), (8, 10, 10.0, 10.0)]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, Any]]]:
    """Labels and points of what is drawn."""
    seen: list[tuple[str, Any]] = []
    plot, scatter = Axes.plot, Axes.scatter

    def noted_plot(self: Axes, x: Any, y: Any, **options: Any) -> Any:
        seen.append((options.get("label", "training"), list(zip(x, y, strict=True))))
        return plot(self, x, y, **options)

    def noted_scatter(self: Axes, x: Any, y: Any, **options: Any) -> Any:
        seen.append((options["label"], list(zip(x, y, strict=True))))
        return scatter(self, x, y, **options)

    monkeypatch.setattr(Axes, "plot", noted_plot)
    monkeypatch.setattr(Axes, "scatter", noted_scatter)
    return seen


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (
            [{"step": 0, "eval_loss": 1.0}, {"step": 2, "loss": 4.0}, {"step": 3, "eval_loss": 3.0}],
            [
                ("training", [(2, 4.0)]),
                ("training, smoothed", [(2, 4.0)]),
                ("held-out", [(0, 1.0), (3, 3.0)]),
                ("best: 3.000 at step 3", [(3, 3.0)]),
            ],
        ),
        ([{"step": 0, "eval_loss": 1.0}], [("held-out", [(0, 1.0)])]),
        (
            [{"step": 2, "loss": 4.0}, {"step": 4, "loss": 3.0}],
            [("training", [(2, 4.0), (4, 3.0)]), ("training, smoothed", [(2, 4.0), (4, smooth([4.0, 3.0])[1])])],
        ),
    ],
)
def test_the_picture_shows_both_losses_and_marks_the_best_step(
    tmp_path: Path, drawn: list[tuple[str, Any]], entries: list[dict[str, Any]], expected: list[tuple[str, Any]]
) -> None:
    draw_losses(entries, "pell: run", tmp_path / "loss.png")
    assert drawn == expected
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_is_drawn_of_nothing(tmp_path: Path) -> None:
    draw_losses([], "pell", tmp_path / "loss.png")
    assert not (tmp_path / "loss.png").exists()


def test_a_second_ctrl_c_stops_at_once() -> None:
    interrupt = Interrupt()
    interrupt.on_train_begin(None, TrainerState(), TrainerControl())  # type: ignore[arg-type]
    try:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    finally:
        interrupt.release()


@pytest.mark.parametrize("report", [interrupt_at(1), crash_at(1)])
def test_signals_are_given_back_however_training_ends(tmp_path: Path, card: Path, report: Any) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with contextlib.suppress(Crash):
        run_pell(Home(tmp_path / "home"), card, "run", report)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
