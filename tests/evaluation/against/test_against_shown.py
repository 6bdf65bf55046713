"""A comparison as a table, a page and a picture."""

import json
from pathlib import Path

import pytest
from matplotlib import font_manager
from matplotlib.figure import Figure as Drawing
from matplotlib.text import Text

from roleplay.evaluation.against.comparison import Comparison, SideBySide, write_comparison
from roleplay.evaluation.against.page import write_comparison_page
from roleplay.evaluation.against.picture import draw_differences
from roleplay.evaluation.against.table import comparison_table, verdict
from roleplay.evaluation.report import Finding
from tests.evaluation.against.figures import compared, figure
from tests.evaluation.reports import around
from tests.evaluation.test_page import PAYLOADS, Parsed


def text_of(found: Comparison, width: int = 100) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in comparison_table(found, width)]


def test_the_table_has_before_after_and_their_difference() -> None:
    lines = text_of(compared())

    assert lines[0] == "Mira (mira)  liked@best against shipped@best on pocket"
    assert lines[1].split() == ["before", "after", "difference"]
    assert lines[3] == "What people chose"
    assert lines[4].split("  ", 1)[0] == "held-out pairs in the right order"
    assert lines[4].split()[-8:] == ["50.0", "%", "75.0", "%", "+25.0", "%", "23.0", "to", "27.0", "%"][-8:]
    [kl] = [line for line in lines if line.startswith("KL from")]
    assert kl.split()[-5:] == ["–", "1.25", "1.23", "to", "1.27"]
    [distinct] = [line for line in lines if line.startswith("distinct-2")]
    assert distinct.split() == ["distinct-2", "0.820", "0.110"]
    assert lines[-1] == "warning  It was gamed, not earned."


def test_two_values_without_a_difference_have_both_intervals() -> None:
    [line] = [
        line
        for line in text_of(compared(figures=(figure("style", 0.5, 0.6, difference=None),)))
        if line.startswith("sounds like")
    ]

    assert line.endswith("0.480 to 0.520 → 0.580 to 0.620")


@pytest.mark.parametrize("width", [70, 80, 120])
def test_the_table_keeps_to_its_width(width: int) -> None:
    assert max(map(len, text_of(compared(), width))) <= width


def test_what_changed_beyond_chance_is_coloured() -> None:
    styles = {
        line[0][0].strip(): {text: style for text, style in line if style}
        for line in comparison_table(compared(), 120)
        if len(line) > 3
    }

    assert styles["sounds like Mira (en)"]["-0.200"] == "33"
    assert styles["held-out pairs in the right order"]["+25.0 %"] == "32"
    assert "+0.0100" not in styles["length against the corpus's answer"]


@pytest.mark.parametrize(
    ("name", "before", "after", "told"),
    [
        ("style", 0.5, 0.6, "better"),
        ("style", 0.6, 0.5, "worse"),
        ("style", 0.5, 0.51, ""),
        ("copied", 0.5, 0.6, "worse"),
        ("copied", 0.6, 0.5, "better"),
        ("length", 1, 2, "other"),
    ],
)
def test_a_difference_is_better_or_worse_beyond_chance_alone(name: str, before: float, after: float, told: str) -> None:
    assert verdict(figure(name, before, after)) == told


def page_of(found: Comparison, tmp_path: Path, picture: Path | None = None) -> str:
    path = tmp_path / "comparison.html"
    write_comparison_page(found, path, picture or tmp_path / "none.png")
    return path.read_text(encoding="utf-8")


def test_the_page_has_figures_findings_and_replies_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "d.png").write_bytes(b"\x89PNG")
    page = page_of(compared(), tmp_path, tmp_path / "d.png")
    texts = [text for _, text in Parsed(page).texts]

    for told in ("liked@best", "shipped@best", "What people chose", "It was gamed, not earned.", "Soup's on.", "Yes."):
        assert told in texts
    assert "+0.250" not in page
    assert "+25.0 %" in texts
    assert page.count("data:image/png;base64") == 1
    assert page.count('class="best"') == 2, "pair accuracy and the reward got better"


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_text_of_a_comparison_becomes_markup(payload: str, tmp_path: Path) -> None:
    def with_text(text: str) -> Parsed:
        found = compared(
            display_name=text,
            before=text,
            after=text,
            language=text,
            base=text,
            settings={"reward": text},
            figures=(figure("style", 0.5, 0.6, title=text, note=text, lane=text),),
            samples=(SideBySide(text, text, text, text),),
            findings=(Finding("note", text),),
        )
        return Parsed(page_of(found, tmp_path))

    hostile, plain = with_text(payload), with_text("x")

    assert hostile.shape() == plain.shape()
    assert not hostile.others


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> list[Drawing]:
    """Pictures as they are saved, with the fonts that come with matplotlib."""
    own = [font for font in font_manager.fontManager.ttflist if "matplotlib" in font.fname]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    found: list[Drawing] = []
    monkeypatch.setattr(Drawing, "savefig", lambda drawing, *_, **__: found.append(drawing))
    return found


def test_the_picture_has_every_difference_and_says_what_got_better(tmp_path: Path, drawings: list[Drawing]) -> None:
    draw_differences(compared(), tmp_path / "d.png")

    [drawing] = drawings
    axes = drawing.axes[0]
    words = {text.get_text() for text in drawing.findobj(Text)}
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [
        "held-out pairs in the right order",
        "reward 'shorter(40)'",
        "sounds like Mira (en)",
        "length against the corpus's answer",
    ]
    assert "mira: 2 of 4 figures got better, 1 worse" in words
    assert {"+25.0 %", "+0.650", "-0.200", "+0.0100"} <= words
    points = [container.lines[0].get_xdata()[0] for container in axes.containers]  # type: ignore[union-attr]
    assert [value > 0 for value in points] == [True, True, False, True]
    assert points[2] == pytest.approx(-0.2 / 0.22), "the end of an interval that is farther from nothing is at 1"


def test_without_a_difference_nothing_is_drawn(tmp_path: Path, drawings: list[Drawing]) -> None:
    draw_differences(compared(figures=(figure("style", 0.5, 0.6, difference=None),)), tmp_path / "d.png")

    assert not drawings
    assert not (tmp_path / "d.png").exists()


def test_the_file_has_every_figure_with_its_interval(tmp_path: Path) -> None:
    write_comparison(compared(), tmp_path / "comparison.json")

    found = json.loads((tmp_path / "comparison.json").read_text(encoding="utf-8"))

    assert found["figures"][1]["name"] == "reward"
    assert found["figures"][1]["difference"] == vars(around(0.96 - 0.31, 0.02))
    assert found["figures"][2]["before"] is None
