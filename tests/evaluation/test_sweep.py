"""Trainings one after another: each as if alone, none twice, and a table of them all."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import PreTrainedTokenizerFast

from roleplay.cards.load import load_card
from roleplay.errors import UsageError
from roleplay.evaluation.grid import parse_grid
from roleplay.evaluation.sweep import sweep
from roleplay.evaluation.sweep_rows import SweepRow, rows_table
from roleplay.models.adapter import load_adapter
from roleplay.models.base import Base
from roleplay.paths import Home
from roleplay.text import fingerprint
from roleplay.training import prepare
from roleplay.training.run import Run, runs_of
from roleplay.training.start import Start
from roleplay.training.watch import Reporter
from tests.tiny import load_tiny_base, save_tiny_base
from tests.training.pell import SETTINGS, Crash, crash_at, interrupt_at, outcome, run_pell, write_pell

SHORT: dict[str, Any] = SETTINGS | {"max_steps": 3, "logging_steps": 1, "learning_rate": None, "rank": None}
POINTS = parse_grid("lr=5e-3,rank=4,16")


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """One thread, so that sums have one order; without what takes longer than training here."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        for place in ("tune", "finish"):
            patch.setattr(f"roleplay.training.{place}.draw_losses", lambda *_: None)
        patch.setattr("os.fsync", lambda handle: None)
        patch.setattr("gc.collect", lambda *_: 0)
        patch.setattr(PeftModel, "create_or_update_model_card", lambda *_: None)
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """Folder of a random llama."""
    return save_tiny_base(tmp_path_factory.mktemp("bases") / "tiny", chatml_tokenizer)


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: Path) -> Path:
    """Pell's card in a folder of the test's own, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return write_pell(tmp_path / "characters", base)


def look(base: Base) -> tuple[str, ...]:
    """Hashes of every weight by name, and of what the base says."""
    weights = [name + fingerprint(tensor.numpy().tobytes()) for name, tensor in base.model.state_dict().items()]
    with torch.no_grad():
        return (*weights, fingerprint(base.model(torch.arange(20).unsqueeze(0)).logits.numpy().tobytes()))


class Sweeps:
    """Calls of `sweep`, and what they did."""

    def __init__(self, home: Home, card: Path) -> None:
        self.home, self.card = home, card
        self.loads = 0
        self.measured: list[str] = []
        self.bases: list[tuple[str, ...]] = []
        self.said: list[str] = []

    def __call__(
        self,
        points: Sequence[Mapping[str, Any]] = POINTS,
        report: Reporter = lambda progress: None,
        measure: Callable[[Run, Base], dict[str, float]] | None = None,
        **typed: Any,
    ) -> list[SweepRow]:
        start = Start(load_card(self.card), None, None, SHORT | typed, None)
        return sweep(self.home, start, points, measure=measure or self.measure, report=report, say=self.said.append)

    def measure(self, run: Run, base: Base) -> dict[str, float]:
        """Look at the base, then put the adapter on it and take it off, as an evaluation does."""
        self.bases.append(look(base))
        self.measured.append(run.name)
        load_adapter(base, run.adapter("best")).unload()
        return {"runs": float(len(self.measured))}

    def run(self, row: SweepRow) -> Run:
        """The run of a row."""
        return Run(self.home.runs / "pell" / row.run)


@pytest.fixture
def sweeps(home: Home, card: Path, monkeypatch: pytest.MonkeyPatch) -> Sweeps:
    """Counts bases that are loaded for training or measuring."""
    made, true = Sweeps(home, card), prepare.load_base

    def counted(*args: Any, **options: Any) -> Base:
        made.loads += 1
        return true(*args, **options)

    monkeypatch.setattr(prepare, "load_base", counted)
    return made


def alone(tmp_path: Path, card: Path, **changes: Any) -> dict[str, Any]:
    """The outcome of the same settings, trained without a sweep."""
    return outcome(run_pell(Home(tmp_path / "alone"), card, "alone", **SHORT | changes))


def test_each_run_is_what_it_would_be_alone_on_a_base_that_stays_as_it_was(
    tmp_path: Path, base: Path, sweeps: Sweeps
) -> None:
    rows = sweeps()
    assert sweeps.loads == 1
    for row, rank in zip(rows, (4, 16), strict=True):
        assert row.settings == {"learning_rate": 0.005, "rank": rank}
        assert row.run.startswith(f"sweep-lr0.005-rank{rank}-")
        summary = sweeps.run(row).read_summary()
        assert (row.heldout_loss, row.best_heldout_loss) == (summary["heldout_loss"], summary["best_heldout_loss"])
        assert row.seconds == summary["seconds"]
    assert [row.measures for row in rows] == [{"runs": 1.0}, {"runs": 2.0}]
    assert sweeps.bases[0] == sweeps.bases[1]
    fresh = load_tiny_base(base)
    fresh.model.set_attn_implementation(sweeps.run(rows[0]).read_config().decisions.attention)
    assert sweeps.bases[0] == look(fresh)
    assert outcome(sweeps.run(rows[1])) == alone(tmp_path, sweeps.card, **rows[1].settings)


def test_a_second_call_trains_loads_and_measures_nothing(sweeps: Sweeps) -> None:
    rows = sweeps()
    assert sweeps(report=crash_at(1)) == rows
    assert (sweeps.loads, len(sweeps.measured)) == (1, 2)


def test_a_point_more_is_all_that_a_second_call_trains(sweeps: Sweeps) -> None:
    rows = sweeps(max_steps=1)
    more = sweeps(parse_grid("lr=5e-3,rank=2,4,16"), max_steps=1)
    assert more[1:] == rows
    assert sweeps.measured == [rows[0].run, rows[1].run, more[0].run]


def test_ctrl_c_saves_and_a_second_call_goes_on(tmp_path: Path, sweeps: Sweeps) -> None:
    stop = interrupt_at(2)
    first = sweeps(report=lambda progress: stop(progress) if sweeps.measured else None)
    assert [row.settings["rank"] for row in first] == [4]
    assert sweeps.said[-1] == "stopped after 1 of 2 runs; the same command goes on from there"
    rows = sweeps()
    assert "going on from step 2" in sweeps.said
    assert rows[0] == first[0]
    assert outcome(sweeps.run(rows[1])) == alone(tmp_path, sweeps.card, **POINTS[1])


def test_ctrl_c_while_a_run_is_measured_ends_the_sweep_and_the_run_is_measured_again(sweeps: Sweeps) -> None:
    def interrupted(run: Run, base: Base) -> dict[str, float]:
        raise KeyboardInterrupt

    assert sweeps(measure=interrupted) == []
    assert len(sweeps(POINTS[:1], crash_at(1))) == 1
    assert sweeps.loads == 2, "once for each call"


def test_a_run_that_was_killed_before_it_was_measured_is_not_trained_again(sweeps: Sweeps) -> None:
    def killed(run: Run, base: Base) -> dict[str, float]:
        raise Crash

    with pytest.raises(Crash):
        sweeps(measure=killed)
    rows = sweeps()
    assert sweeps.measured == [row.run for row in rows]
    assert sweeps.loads == 2, "the base that measures is the one that trains"
    assert sweeps.bases[0] == sweeps.bases[1]


def test_a_run_that_diverges_is_a_row_and_the_sweep_goes_on(tmp_path: Path, sweeps: Sweeps) -> None:
    points = parse_grid("lr=1e+30,5e-3,rank=16")
    wild, tame = sweeps(points)
    assert "diverged: the gradient at step 2 is nan" in wild.problem
    assert (wild.heldout_loss, wild.perplexity, wild.seconds, wild.measures) == (None, None, None, {})
    assert not tame.problem
    assert sweeps.loads == 1
    assert outcome(sweeps.run(tame)) == alone(tmp_path, sweeps.card, **points[1])
    assert sweeps(points, crash_at(1)) == [wild, tame], "it is not tried again"


def test_another_corpus_card_or_setting_is_another_run(sweeps: Sweeps, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("roleplay.evaluation.sweep.load", interrupted)
    sweeps(POINTS[:1])
    sweeps(POINTS[:1], seed=1)
    (sweeps.card.parent / "pell" / "talk.yaml").write_text("- - user: A?\n  - char: B.\n", encoding="utf-8")
    sweeps(POINTS[:1])
    sweeps.card.write_text(sweeps.card.read_text().replace("brief", "curt"), encoding="utf-8")
    sweeps(POINTS[:1])
    sweeps(POINTS[:1])
    names = [told for told in sweeps.said if told.startswith("run 1 of 1: sweep-lr0.005-rank4-")]
    assert len(names) == 5
    assert len(set(names)) == 4


def test_the_prefix_study_is_three_runs_that_keep_their_share(sweeps: Sweeps) -> None:
    rows = sweeps(parse_grid("prefix_dropout=1,0.5,0"), rank=4, learning_rate=5e-3)
    configs = [sweeps.run(row).read_config() for row in rows]
    assert [config.settings.prefix_dropout for config in configs] == [1, 0.5, 0]
    assert [config.sources["prefix_dropout"] for config in configs] == ["typed"] * 3
    assert len({row.best_heldout_loss for row in rows}) == 3


def test_what_cannot_be_trained_is_told_at_once_before_anything_is(sweeps: Sweeps) -> None:
    points = [{"rank": 0}, {"rank": 4, "replay": 1.0}, {"rank": 4}]
    with pytest.raises(UsageError) as caught:
        sweeps(points, rank=8)
    told = str(caught.value)
    assert told.startswith("rank is typed and in the grid; leave one out; --rank: input should be greater than")
    assert "--replay repeats the run of --from-adapter" in told
    assert not runs_of(sweeps.home, "pell")


@pytest.mark.parametrize(
    ("points", "typed", "told"),
    [([], {}, "needs settings to try"), (POINTS, {"tuning": "full"}, "--tuning full makes none")],
)
def test_a_sweep_compares_adapters(
    sweeps: Sweeps, points: Sequence[Mapping[str, Any]], typed: dict[str, Any], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        sweeps(points, **typed)


def test_several_processes_are_refused(sweeps: Sweeps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="one process"):
        sweeps()


def test_a_damaged_file_beside_a_run_has_it_measured_again(sweeps: Sweeps) -> None:
    [row] = sweeps(POINTS[:1])
    file = sweeps.run(row).folder / "sweep.json"
    assert json.loads(file.read_text()) == {"measures": {"runs": 1.0}, "problem": ""}
    file.write_text("{")
    assert sweeps(POINTS[:1])[0].measures == {"runs": 2.0}


ROWS = [
    SweepRow({"learning_rate": 0.001, "rank": 8}, "a", 2.5, 2.25, 61.0, {"rouge_l": 12.5, "retention_loss": 3.0}),
    SweepRow({"learning_rate": 0.001, "rank": 16}, "b", 2.1234, 2.1, 130.0, {"rouge_l": 9.0, "retention_loss": 2.0}),
    SweepRow({"learning_rate": 1e30, "rank": 8}, "c", None, None, None, {}, "it has diverged\nat 3"),
]


def test_the_table_has_settings_first_and_a_star_at_the_best_of_each_column() -> None:
    lines = rows_table(ROWS)
    assert ["".join(text for text, _ in line) for line in lines] == [
        "   lr  rank  held-out    best   perplexity   seconds   rouge_l   retention_loss   run",
        "0.001     8     2.500   2.250         9.49      61.0*     12.5*            3.00   a",
        "0.001    16     2.123*  2.100*        8.17*      130      9.00             2.00*  b",
        "1e+30     8         –       –            –         –         –                –   c  it has diverged at 3",
    ]


def test_the_best_figures_and_the_problem_are_painted() -> None:
    lines = rows_table(ROWS)
    assert {style for _, style in lines[0]} == {"1"}
    assert [text.strip() for text, style in lines[1] if style == "1;32"] == ["61.0*", "12.5*"]
    assert lines[3][-1] == ("  it has diverged at 3", "31")


def test_figures_that_are_alike_have_no_star_and_no_figure_is_none() -> None:
    equal = [SweepRow({"rank": rank}, "r", 2.0, 2.00001 * rank / rank, 5.0, {}) for rank in (1, 2)]
    assert not any("*" in text for line in rows_table(equal) for text, _ in line)
    assert not any("*" in text for line in rows_table(ROWS[:1]) for text, _ in line)
    assert rows_table([])[0][-1] == ("run", "1")


def test_perplexity_is_that_of_the_best_step() -> None:
    assert ROWS[1].perplexity == pytest.approx(8.166, abs=1e-3)
    assert SweepRow({}, "r", 1e9, 1e9, 1.0, {}).perplexity == pytest.approx(1.01e304, rel=0.01)
