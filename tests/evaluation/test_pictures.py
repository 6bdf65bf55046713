"""Pictures of an evaluation, by what is drawn on them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from roleplay.evaluation.pictures import CheckpointPoint, draw_checkpoints, draw_lanes, draw_style
from roleplay.evaluation.report import Measure
from roleplay.measures.interval import Interval
from tests.evaluation.reports import MEASURES, around, by_lane, invented

CURVES = {
    "heldout_bits": (4.4, 3.6, 3.1, 3.5),
    "style": (0.35, 0.6, 0.8, 0.77),
    "copied": (0.0, 0.03, 0.14, 0.27),
    "retention_loss": (0.36, 0.37, 0.41, 0.49),
}
POINTS = [
    CheckpointPoint(f"epoch-{at + 1}", 30 * (at + 1), {key: around(values[at]) for key, values in CURVES.items()})
    for at in range(4)
]


@pytest.fixture(autouse=True)
def only_latin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fonts that come with matplotlib, whatever this machine has."""
    own = [font for font in font_manager.fontManager.ttflist if "matplotlib" in font.fname]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Figures as they are saved."""
    figures: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *arguments: object, **named: object) -> None:
        save(figure, *arguments, **named)
        figures.append(figure)

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures


def words(figure: Figure) -> list[str]:
    return [text.get_text().replace("\n", " ") for text in figure.findobj(Text) if text.get_text()]


def panel(figure: Figure, title: str) -> Axes:
    return next(axes for axes in figure.axes if title in axes.get_title(loc="left").replace("\n", " "))


def dashed(axes: Axes) -> Iterator[float]:
    for line in axes.lines:
        if line.get_linestyle() == "--":
            across = line.get_ydata() if line.get_ydata()[0] == line.get_ydata()[1] else line.get_xdata()
            yield float(across[0])


def whiskers(axes: Axes) -> list[list[float]]:
    """Both ends of each, in drawing order."""
    return [segment.ravel().tolist() for lines in axes.collections for segment in lines.get_segments()]


def test_bars_are_grouped_by_adapter_and_the_prefix_is_dark(tmp_path: Path, drawn: list[Figure]) -> None:
    draw_lanes(invented(), tmp_path / "lanes.png")
    axes = panel(drawn[0], "held-out lines, bits per character")
    bars = sorted(axes.patches, key=lambda bar: bar.get_x())
    assert [bar.get_height() for bar in bars] == [5.81, 5.206, 3.35, 3.104]
    light, dark = bars[0].get_facecolor(), bars[1].get_facecolor()
    assert [bar.get_facecolor() for bar in bars] == [light, dark, light, dark]
    assert light != dark
    assert [label.get_text() for label in axes.get_xticklabels()] == ["base", "persona"]
    assert bars[1].get_x() < 0.5 < bars[2].get_x()
    assert {"5.81", "5.21", "3.35", "3.10", "lower is better"} <= set(words(axes.figure))


def test_each_bar_has_its_interval(tmp_path: Path, drawn: list[Figure]) -> None:
    draw_lanes(invented(), tmp_path / "lanes.png")
    ends = sorted(tuple(segment[1::2]) for segment in whiskers(panel(drawn[0], "bits per character")))
    assert ends == [pytest.approx((value - 0.12, value + 0.12)) for value in (3.104, 3.35, 5.206, 5.81)]


def test_a_section_shows_its_first_two_measures(tmp_path: Path, drawn: list[Figure]) -> None:
    draw_lanes(invented(), tmp_path / "lanes.png")
    titles = {axes.get_title(loc="left").replace("\n", " ") for axes in drawn[0].axes}
    shown = [
        measure.title for measure in MEASURES if measure.section in ("likelihood", "overlap", "probes", "retention")
    ]
    assert titles == set(shown) - {"gap between held-out and trained lines, bits per character"}


def test_what_a_measure_is_held_against_is_dashed(tmp_path: Path, drawn: list[Figure]) -> None:
    measure = replace(MEASURES[3], references={"published": 35.5})
    draw_lanes(invented(measures=(measure,)), tmp_path / "lanes.png")
    assert list(dashed(drawn[0].axes[0])) == [35.5]
    assert "published 35.5" in words(drawn[0])


@pytest.mark.parametrize(
    ("lanes", "better", "title"),
    [
        (by_lane(3.1, 5.2, 3.4, 5.8), "lower", "yui: prefix and adapter both help"),
        (by_lane(3.1, 5.2, 3.4, 5.8), "higher", "yui: prefix and adapter both hurt"),
        (by_lane(3.1, 5.78, 3.4, 5.8), "lower", "yui: the prefix makes no clear difference, the adapter helps"),
        (by_lane(5.5, 5.2, 3.4, 5.8), "lower", "yui: the prefix helps, the adapter hurts"),
        (by_lane(3.1, 3.1, 3.1, 3.1), "lower", "yui: prefix and adapter change nothing clear"),
        ({"persona": around(1)}, "lower", "yui: held-out lines"),
    ],
)
def test_the_title_says_what_prefix_and_adapter_do(
    lanes: dict[str, Interval], better: str, title: str, tmp_path: Path, drawn: list[Figure]
) -> None:
    measure = Measure("heldout_bits", "likelihood", "held-out lines", better, lanes)  # type: ignore[arg-type]
    draw_lanes(invented(measures=(measure,)), tmp_path / "lanes.png")
    assert drawn[0].get_suptitle() == title


def test_style_lies_between_floor_and_ceiling(tmp_path: Path, drawn: list[Figure]) -> None:
    draw_style(invented(), tmp_path / "style.png")
    axes = drawn[0].axes[0]
    assert axes.get_xlim() == (0, 1)
    assert list(dashed(axes)) == [0.121, 0.883]
    assert {"floor 0.121", "ceiling 0.883"} <= set(words(drawn[0]))
    points = [float(line.get_xdata()[0]) for line in axes.lines if line.get_marker() == "o"]
    assert points == [0.802, 0.204, 0.713, 0.166]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(invented().lanes)
    ends = [tuple(segment[::2]) for segment in whiskers(axes)]
    assert ends == [pytest.approx((value - 0.05, value + 0.05)) for value in points]
    assert drawn[0].get_suptitle() == "yui: persona+prefix comes 89 % of the way from floor to ceiling"


@pytest.mark.parametrize("held", [{}, {"floor": 0.121}, {"floor": 0.5, "ceiling": 0.5}])
def test_without_a_way_from_floor_to_ceiling_style_is_only_a_figure(
    held: dict[str, float], tmp_path: Path, drawn: list[Figure]
) -> None:
    measure = replace(MEASURES[5], references=held)
    draw_style(invented(measures=(measure,)), tmp_path / "style.png")
    assert drawn[0].get_suptitle() == "yui: style of persona+prefix 0.802"
    assert list(dashed(drawn[0].axes[0])) == list(held.values())


def test_checkpoints_are_curves_with_the_chosen_one_and_the_limits_marked(tmp_path: Path, drawn: list[Figure]) -> None:
    limits = {"copied": 0.1, "retention_loss": 0.45}
    draw_checkpoints(POINTS[::-1], tmp_path / "c.png", "voice peaks at epoch-3", chosen="epoch-2", limits=limits)
    figure = drawn[0]
    assert figure.get_suptitle() == "voice peaks at epoch-3"
    assert any("the red line marks epoch-2" in text for text in words(figure))
    assert len(figure.axes) == 4
    for axes, (key, values) in zip(figure.axes, CURVES.items(), strict=True):
        curve = axes.lines[0]
        assert list(curve.get_xdata()) == [30, 60, 90, 120]
        assert tuple(curve.get_ydata()) == values
        assert list(dashed(axes)) == ([limits[key]] if key in limits else [])
        assert [60, 60] in [list(line.get_xdata()) for line in axes.lines]
        band = axes.collections[0].get_paths()[0].get_extents()
        assert (band.y0, band.y1) == pytest.approx((min(values) - 0.05, max(values) + 0.05))


def test_peak_and_parroting_are_said_where_they_are(tmp_path: Path, drawn: list[Figure]) -> None:
    draw_checkpoints(POINTS, tmp_path / "c.png", "", limits={"copied": 0.1, "retention_loss": 0.1})
    draw_checkpoints(POINTS, tmp_path / "c.png", "", limits={"copied": 0.5})
    assert [text for text in words(drawn[0]) if " at " in text] == ["peaks at epoch-3", "over the limit at epoch-3"]
    spot = panel(drawn[0], "copied").lines[-1]
    assert (spot.get_xdata()[0], spot.get_ydata()[0]) == (90, 0.14)
    assert not any("over the limit" in text for text in words(drawn[1]))
    assert not any("red line" in text for text in words(drawn[1]))


def test_a_curve_that_was_not_measured_is_left_out(tmp_path: Path, drawn: list[Figure]) -> None:
    points = [replace(point, values={key: point.values[key] for key in list(CURVES)[:3]}) for point in POINTS]
    draw_checkpoints(points, tmp_path / "c.png", "")
    assert [axes.get_title(loc="left")[:4] for axes in drawn[0].axes if axes.axison] == ["held", "styl", "copi"]


def test_nothing_is_drawn_where_nothing_was_measured(tmp_path: Path) -> None:
    draw_lanes(invented(measures=(*MEASURES[5:7], replace(MEASURES[0], lanes={}))), tmp_path / "lanes.png")
    draw_style(invented(measures=MEASURES[:5]), tmp_path / "style.png")
    draw_style(invented(lanes=("another",)), tmp_path / "style.png")
    draw_checkpoints([CheckpointPoint("last", 3, {})], tmp_path / "c.png", "")
    assert not list(tmp_path.glob("*.png"))


def test_text_is_never_mathematics_and_never_an_empty_box(tmp_path: Path, drawn: list[Figure]) -> None:
    bad = "$\\frac$ \x1b[2J\n\u202e结🐚"
    lanes = {bad: around(0.5), f"{bad}+prefix": around(0.6), "@" + bad: around(0.7)}
    measures = [Measure("style", section, bad, "lower", lanes, "number", {bad: 0.1}) for section in ("style", "probes")]
    report = invented(display_name="$\\frac$", lanes=tuple(lanes), measures=tuple(measures))  # type: ignore[arg-type]
    draw_lanes(report, tmp_path / "lanes.png")
    draw_style(report, tmp_path / "style.png")
    draw_checkpoints([replace(POINTS[0], label=bad)], tmp_path / "c.png", bad, chosen=bad)
    assert all("$\\frac$ [2J ??" in " ".join(words(figure)) for figure in drawn)
    assert drawn[0].get_suptitle() == "$\\frac$: $\\frac$ [2J ??"


def test_a_name_without_a_font_gives_way_to_the_cards_and_with_one_stays(
    tmp_path: Path, drawn: list[Figure], monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_style(invented(), tmp_path / "style.png")
    font = tmp_path / "zh.ttf"
    _font_of("结衣").save(font)
    font_manager.fontManager.addfont(font)
    draw_style(invented(), tmp_path / "style.png")
    assert [figure.get_suptitle().split(":")[0] for figure in drawn] == ["yui", "结衣"]


def _font_of(chars: str) -> FontBuilder:
    """A font with nothing but a square for each of `chars`, named as one that many machines have."""
    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    for corner in ((100, 800), (900, 800), (900, 0)):
        pen.lineTo(corner)
    pen.closePath()
    names = [".notdef", *(f"uni{ord(char):04X}" for char in chars)]
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder(names)
    font.setupCharacterMap(dict(zip(map(ord, chars), names[1:], strict=True)))
    font.setupGlyf(dict.fromkeys(names, pen.glyph()))
    font.setupHorizontalMetrics(dict.fromkeys(names, (1000, 100)))
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": "WenQuanYi Micro Hei", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    return font


def test_an_older_picture_stays_when_a_new_one_cannot_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "style.png"
    draw_style(invented(), path)
    before = path.read_bytes()
    assert before.startswith(b"\x89PNG")

    def half(figure: Figure, file: object, **named: object) -> None:
        file.write(b"half of it")  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    monkeypatch.setattr(Figure, "savefig", half)
    with pytest.raises(KeyboardInterrupt):
        draw_style(invented(), path)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob(".*"))
