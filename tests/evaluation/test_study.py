"""The prefix study: which runs it takes, what it makes of their reports, and how that is shown."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from roleplay.cards.load import load_card
from roleplay.errors import EvaluationError
from roleplay.evaluation import study as study_module
from roleplay.evaluation.measure_run import Evaluation
from roleplay.evaluation.report import Report
from roleplay.evaluation.study import Study, StudyRow, prefix_study
from roleplay.evaluation.study_shown import draw_study, finding, study_markdown, study_table, write_study
from roleplay.evaluation.sweep_rows import SweepRow
from roleplay.measures.interval import Interval
from roleplay.paths import Home
from roleplay.training.start import Start
from tests.evaluation.reports import MEASURES, around, by_lane, invented
from tests.evaluation.yui import quiet
from tests.training.pell import write_pell

RUNS = {"never": (3.5, 3.3), "half": (3.12, 3.4), "always": (3.1, 4.1)}
"""Bits per character, asked with and without the prefix."""


def row(trained: str, bits: Sequence[float], style: Sequence[float]) -> StudyRow:
    asked = [{"heldout_bits": around(bits[i], 0.12), "style": around(style[i], 0.05)} for i in range(2)]
    return StudyRow(trained, "" if trained == "base" else f"run-{trained}", *asked)


STUDY = Study(
    character="yui",
    display_name="结衣",
    base="pocket",
    preset="quick",
    epochs=5.0,
    rows=(
        row("base", (5.2, 5.8), (-0.05, -0.1)),
        row("never", RUNS["never"], (0.6, 0.71)),
        row("half", RUNS["half"], (0.85, 0.7)),
        row("always", RUNS["always"], (0.88, 0.4)),
    ),
)


def plain(study: Study) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in study_table(study)]


def test_the_table_has_a_block_a_measure_a_line_a_training_and_a_column_a_way_to_ask() -> None:
    assert plain(STUDY) == [
        "结衣 (yui)  preset quick, 5 epochs on pocket",
        "",
        "held-out lines, bits per character",
        "trained with the prefix  asked with            asked without",
        "base alone               5.20  (5.08 to 5.32)  5.80  (5.68 to 5.92)",
        "never                    3.50  (3.38 to 3.62)  3.30* (3.18 to 3.42)",
        "half the time            3.12  (3.00 to 3.24)  3.40  (3.28 to 3.52)",
        "always                   3.10* (2.98 to 3.22)  4.10  (3.98 to 4.22)",
        "",
        "style, others' lines 0 %, its own 100 %",
        "trained with the prefix  asked with                  asked without",
        "base alone               -5.0 %  (-10.0 to 0.0 %)    -10.0 %  (-15.0 to -5.0 %)",
        "never                    60.0 %  (55.0 to 65.0 %)    71.0 %* (66.0 to 76.0 %)",
        "half the time            85.0 %  (80.0 to 90.0 %)    70.0 %  (65.0 to 75.0 %)",
        "always                   88.0 %* (83.0 to 93.0 %)    40.0 %  (35.0 to 45.0 %)",
        "",
        "Asked with the prefix, best trained half or always; without, best trained never or half.",
    ]


def test_the_best_of_each_way_to_ask_are_painted() -> None:
    painted = [text.split("*")[0].strip() for line in study_table(STUDY) for text, style in line if style == "1;32"]
    assert painted == ["3.30", "3.10", "71.0 %", "88.0 %"]


def test_the_finding_names_every_training_that_intervals_do_not_tell_from_the_best() -> None:
    def bits(*trained: tuple[float, float]) -> Study:
        rows = [row(one.trained, pair, (0, 0)) for one, pair in zip(STUDY.rows[1:], trained, strict=True)]
        return replace(STUDY, rows=(STUDY.rows[0], *rows))

    assert finding(bits((5, 2), (4, 3), (3, 4))) == (
        "asked with the prefix, best trained always; without, best trained never"
    )
    assert finding(bits((3, 3), (3.1, 4), (3.2, 5))) == (
        "asked with the prefix, none is clearly best; without, best trained never"
    )


def test_a_measure_that_a_row_lacks_is_left_out() -> None:
    bare = replace(STUDY.rows[1], asked_with={"heldout_bits": around(3.5)})
    assert replace(STUDY, rows=(STUDY.rows[0], bare)).measures == ["heldout_bits"]


def test_markdown_has_the_same_figures_the_command_and_the_picture() -> None:
    told = study_markdown(STUDY, "roleplay study yui --epochs 5").splitlines()
    assert told[0] == (
        "结衣: preset quick, 5 epochs on pocket. Made by `roleplay study yui --epochs 5`. "
        "In brackets: 95 % intervals over dialogues."
    )
    assert told[3] == "| --- | --- | --- | --- | --- |"
    assert told[7] == (
        "| always | 3.10* (2.98 to 3.22) | 4.10 (3.98 to 4.22) | 88.0 %* (83.0 to 93.0 %) | 40.0 % (35.0 to 45.0 %) |"
    )
    assert told[9] == "Asked with the prefix, best trained half or always; without, best trained never or half."
    assert told[11].endswith("(study.png)")


def test_the_picture_has_a_group_a_training_in_it_asked_without_and_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *arguments, **named: drawn.append(figure))
    draw_study(STUDY, tmp_path / "study.png")
    bits, style = drawn[0].axes
    heights = [bar.get_height() for bar in sorted(bits.patches, key=lambda bar: bar.get_x())]
    assert heights == [5.8, 5.2, 3.3, 3.5, 3.4, 3.12, 4.1, 3.1]
    assert [label.get_text() for label in style.get_xticklabels()] == ["base", "never", "half", "always"]
    assert (bits.get_xlabel(), style.get_xlabel()) == ("lower is better", "higher is better")
    assert drawn[0].get_suptitle() == f"yui: {finding(STUDY)}"


def test_everything_is_written(tmp_path: Path) -> None:
    write_study(STUDY, tmp_path / "study", "roleplay study yui")
    found = json.loads((tmp_path / "study" / "study.json").read_text(encoding="utf-8"))
    assert found["rows"][3]["asked_without"]["heldout_bits"]["value"] == 4.1
    assert (tmp_path / "study" / "study.png").read_bytes().startswith(b"\x89PNG")
    assert "| never |" in (tmp_path / "study" / "study.md").read_text(encoding="utf-8")


@pytest.fixture
def evaluation(home: Home, tmp_path: Path) -> Evaluation:
    card = write_pell(tmp_path, tmp_path / "base")
    return Evaluation(home, Start(load_card(card), None, None, {}, None), quiet)


def swept(monkeypatch: pytest.MonkeyPatch, reports: dict[float, Report | None]) -> list[float]:
    """Have a sweep find `reports` by dropout; what was asked for."""
    asked: list[float] = []

    def rows(evaluation: Evaluation, points: list[dict[str, float]], **named: object) -> list[SweepRow]:
        asked.extend(point["prefix_dropout"] for point in points)
        return [SweepRow({}, str(value), 1.0, 1.0, 1.0, {}, "" if told else "it has diverged")
                for value, told in reports.items()]  # fmt: skip

    class Told:
        def read_config(self) -> object:
            return type("C", (), {"base": type("B", (), {"name": "tiny"}), "preset": "quick"})

        def read_summary(self) -> dict[str, float]:
            return {"epochs": 5.0}

    monkeypatch.setattr(study_module, "evaluated_sweep", rows)
    monkeypatch.setattr(Evaluation, "report", lambda evaluation, name: reports[float(name)])
    monkeypatch.setattr(Evaluation, "run", lambda evaluation, name: Told())
    return asked


def study(evaluation: Evaluation) -> tuple[Study, Path] | None:
    return prefix_study(evaluation, report=lambda progress: None, say=lambda text: None)


def reported(bits: float) -> Report:
    return invented(measures=(replace(MEASURES[0], lanes=by_lane(bits, 5.2, bits + 1, 5.8)), *MEASURES[3:6]))


def test_the_base_is_the_first_row_and_the_runs_go_from_never_to_always(
    evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = swept(monkeypatch, {1.0: reported(3.5), 0.5: reported(3.2), 0.0: reported(3.0)})
    found = study(evaluation)
    assert asked == [1.0, 0.5, 0.0]
    assert found is not None
    told, folder = found
    assert [(one.trained, one.run) for one in told.rows] == [
        ("base", ""),
        ("never", "1.0"),
        ("half", "0.5"),
        ("always", "0.0"),
    ]
    assert [one.asked_with["heldout_bits"].value for one in told.rows] == [5.2, 3.5, 3.2, 3.0]
    assert [one.asked_without["heldout_bits"].value for one in told.rows] == [5.8, 4.5, 4.2, 4.0]
    assert told.measures == ["heldout_bits", "style", "rouge_l"]
    place = told.rows[1].asked_with["style"]
    wide = 0.883 - 0.121
    assert place == Interval(
        *(pytest.approx((value - 0.121) / wide) for value in (0.802, 0.752, 0.852))  # type: ignore[arg-type]
    )
    assert folder.parent == evaluation.home.evaluations / "pell"
    assert folder.name.startswith("study-")


def test_a_study_that_was_stopped_has_no_table(evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    swept(monkeypatch, {1.0: reported(3.5), 0.5: reported(3.2)})
    assert study(evaluation) is None


def test_a_run_that_diverged_is_an_error(evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    swept(monkeypatch, {1.0: reported(3.5), 0.5: None, 0.0: reported(3.0)})
    with pytest.raises(EvaluationError, match="the run trained half with the prefix came to nothing: it has diverged"):
        study(evaluation)


def test_without_held_out_lines_there_is_nothing_to_study(
    evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept(monkeypatch, dict.fromkeys((1.0, 0.5, 0.0), invented(measures=MEASURES[8:])))
    with pytest.raises(EvaluationError, match="pell holds no dialogue out"):
        study(evaluation)


def test_a_card_whose_prefixes_are_off_cannot_be_studied(evaluation: Evaluation) -> None:
    path = evaluation.start.card_file.path
    path.write_text(path.read_text().replace("- {id: who, ", "- {id: who, default: off, ").replace(", train: 0.5", ""))
    path.write_text(path.read_text().replace("- {id: manner, ", "- {id: manner, default: off, "))
    bare = replace(evaluation, start=replace(evaluation.start, card_file=load_card(path)))
    with pytest.raises(EvaluationError, match="pell has no prefix that a new chat has on"):
        study(bare)
