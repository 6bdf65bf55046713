"""A report as lines of a terminal."""

from dataclasses import replace

import pytest
from rich.cells import cell_len

from roleplay.evaluation.report import Finding, Measure
from roleplay.evaluation.table import best_lanes, spread, table, written
from roleplay.measures.interval import Interval
from roleplay.text import clean
from tests.evaluation.reports import MEASURES, around, by_lane, invented


def lines_of(parts: list[list[tuple[str, str]]]) -> list[str]:
    return ["".join(text for text, _ in line) for line in parts]


def line_with(text: str, width: int = 100) -> str:
    return next(line for line in lines_of(table(invented(), width)) if text in line)


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [
        (0.84, "percent", "84.0 %"),
        (1.0, "percent", "100.0 %"),
        (1.9, "number", "1.90"),
        (0.04123, "number", "0.0412"),
        (-0.5, "number", "-0.500"),
        (0.0, "number", "0.00"),
        (123.4, "number", "123"),
        (999.7, "number", "1000"),
        (12345.6, "number", "12346"),
        (float("nan"), "number", "–"),
        (float("inf"), "percent", "–"),
    ],
)
def test_a_figure_has_three_digits_or_is_a_share(value: float, scale: str, text: str) -> None:
    assert written(value, scale) == text


def test_an_interval_is_written_from_end_to_end_and_a_point_not_at_all() -> None:
    assert spread(Interval(1.9, 1.823, 2.05), "number") == "1.82 to 2.05"
    assert spread(Interval(0.84, 0.8, 0.881), "percent") == "80.0 to 88.1 %"
    assert spread(Interval(1, 1, 1), "percent") == ""


@pytest.mark.parametrize(
    ("better", "values", "best"),
    [
        ("lower", (3.1, 5.2, 3.4, 5.8), {"persona+prefix"}),
        ("higher", (3.1, 5.2, 3.4, 5.8), {"base"}),
        ("neither", (3.1, 5.2, 3.4, 5.8), set()),
        ("lower", (3.101, 5.2, 3.102, 5.8), {"persona+prefix", "persona"}),
        ("higher", (1, 1, 1, 1), set()),
        ("lower", (float("nan"), 5.2, 3.4, 5.8), {"persona"}),
    ],
)
def test_the_best_lanes_are_those_written_best(better: str, values: tuple[float, ...], best: set[str]) -> None:
    assert best_lanes(Measure("m", "style", "m", better, by_lane(*values))) == best  # type: ignore[arg-type]


def test_each_section_is_a_heading_over_its_measures() -> None:
    lines = lines_of(table(invented()))
    headings = [line for parts, line in zip(table(invented()), lines, strict=True) if parts and parts[0][1] == "1"]
    assert headings[0].startswith("结衣 (yui)  20250102-030405@best on pocket")
    assert headings[1:3] == ["How likely the character's own lines are", "Overlap with the character's own answers"]
    assert len(headings) == 7
    assert lines.index(headings[2]) < lines.index(line_with("ROUGE-L")) < lines.index(headings[3])
    without = [measure for measure in MEASURES if measure.section != "overlap"]
    assert "Overlap" not in "".join(lines_of(table(invented(measures=tuple(without)))))


def test_figures_end_below_the_names_of_their_lanes() -> None:
    names = line_with("persona+prefix")
    bits = line_with("held-out lines, bits")
    for lane, figure in {
        "persona+prefix": "3.10*",
        "base+prefix": "5.21 ",
        "persona ": "3.35 ",
        "base ": "5.81 ",
    }.items():
        assert names.index(lane) + len(lane.strip()) + 1 == bits.index(figure) + len(figure)


def test_the_best_figure_is_marked_in_colour_and_without() -> None:
    parts = next(line for line in table(invented()) if line and "ROUGE-L" in line[0][0])
    assert ("14.2*", "1;32") in parts
    assert [text for text, style in parts if style == "1;32"] == ["14.2*"]
    assert "* the best lane" in lines_of(table(invented()))
    plain = invented(measures=(replace(MEASURES[0], better="neither"),))
    assert "*" not in "".join(lines_of(table(plain)))


def test_a_lane_that_was_not_measured_has_a_dash() -> None:
    assert line_with("general questions").split()[-6:] == ["–", "–", "26.7", "%", "30.0", "%*"]


def test_references_stand_in_the_last_column_a_line_each() -> None:
    lines = lines_of(table(invented(measures=(replace(MEASURES[5], title="style"),))))
    at = next(i for i, line in enumerate(lines) if line.endswith("  floor 0.121"))
    assert lines[at].startswith("style ")
    assert lines[at + 1].endswith("  ceiling 0.883")
    assert lines[at].index("floor") == lines[at + 1].index("ceiling")


@pytest.mark.parametrize(("width", "interval", "beside"), [(160, True, True), (100, False, True), (82, False, False)])
def test_what_has_no_room_is_left_out(width: int, interval: bool, beside: bool) -> None:
    lines = lines_of(table(invented(), width))
    assert max(map(cell_len, lines)) <= width
    assert ("2.98 to 3.22" in line_with("held-out lines, bits", width)) == interval
    assert any(line.endswith("  floor 0.121") for line in lines) == beside
    assert ("  floor 0.121, ceiling 0.883" in lines) != beside


def test_a_lane_less_leaves_room_for_intervals() -> None:
    lines = lines_of(table(invented(lanes=("persona+prefix", "base+prefix")), 100))
    assert any("2.98 to 3.22" in line for line in lines)
    assert max(map(cell_len, lines)) <= 100


def test_findings_come_last_and_wide_letters_count_twice() -> None:
    told = Finding("warning", "这个角色的回答有一成四与训练的句子相同，请选更早的检查点。" * 4)
    parts = table(invented(findings=(told,)), 80)
    lines = lines_of(parts)
    start = next(i for i, line in enumerate(lines) if line.startswith("warning  这个角色"))
    assert parts[start][0] == ("warning  ", "33")
    assert "".join(line[9:] for line in lines[start:]) == told.text
    assert all(line.startswith(" " * 9) for line in lines[start + 1 :])
    assert max(map(cell_len, lines)) <= 80


def test_no_text_of_the_report_ends_a_line_or_steers_the_terminal() -> None:
    bad = "a\n\x1b[2J\u202eb"
    measure = Measure("m", "style", bad, "lower", {bad: around(1)}, "number", {bad: 2.0}, bad)
    report = invented(
        display_name=bad, adapter=bad, base=bad, lanes=(bad,), measures=(measure,), findings=(Finding("note", bad),)
    )
    text = "".join(lines_of(table(report)))
    assert clean(text) == text
    assert "\n" not in text


def test_a_report_of_nothing_is_only_its_heading() -> None:
    lines = lines_of(table(invented(lanes=(), measures=(), findings=())))
    assert [line for line in lines if line] == ["结衣 (yui)  20250102-030405@best on pocket"]
