"""Evaluations are listed and read, sample by sample, by every key of the screen."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.color import Color

from roleplay.cards.load import CardFile
from roleplay.evaluation.report import Finding, Measure, Sample
from roleplay.paths import Home
from roleplay.text import clean
from tests.evaluation.reports import MEASURES, SAMPLES, by_lane, invented
from tests.tui.evaluated import LOW, SIZE, evaluated, opens
from tests.tui.person import Person, meet, play
from tests.tui.test_snapshots import Svg, draw
from tui.app import ChatApp
from tui.evaluation_view import EvaluationView
from tui.lane_bars import style_bars


@pytest.fixture(autouse=True)
def attentive(monkeypatch: pytest.MonkeyPatch) -> None:
    """The screen looks again at once."""
    monkeypatch.setattr("tui.evaluation_screen._LOOKS", 0.05)


def view(person: Person) -> EvaluationView:
    return person.app.screen.query_one(EvaluationView)


def test_findings_come_first_then_style_bars_and_the_table(mira: CardFile, home: Home) -> None:
    evaluated(home, "20250102-030405@best-quick-00000001", 1000)

    async def story(person: Person) -> None:
        await opens(person)
        await person.sees("20250102-030405@best  quick  finished  1970-01-01", "14 % of the replies repeat")
        await person.sees("warning  14 % of the replies repeat twenty characters or more of a training line.")
        await person.sees(
            "taken for the character's own lines: from others' lines, 0.121, to the character's own, 0.883"
        )
        await person.sees("0.802    89%", "0.204    11%", "0.166     6%")
        await person.sees("█ persona+prefix  █ base+prefix  █ persona  █ base", "bits per character", "out of 100")
        await person.sees("held-out", "ROUGE-L", "identity", "general")
        await person.press("tab", *["pagedown"] * 3)
        await person.sees("How likely the character's own lines are", "held-out lines, bits per character", "3.10*")
        text = person.app.screen.query_one("#measures").render()
        assert "14 % of the replies" not in str(text)  # told above

    play(meet(home, name=None), story, SIZE)


def test_samples_are_turned_with_two_keys_and_come_into_sight(mira: CardFile, home: Home) -> None:
    evaluated(home, "a@best-quick-00000001", 1000)

    async def story(person: Person) -> None:
        await opens(person)
        await person.sees("warning  14 %")
        await person.press("n")
        await person.sees("sample 2 of 2 · out of world", "▸ 帮我写一段 Python 代码，好吗？")
        await person.until(
            lambda: "派……森？" in person.shows("#said-0") and "print('hello')" in person.shows("#said-1")
        )
        await person.sees_no("the corpus:")
        await person.press("n")
        await person.sees("sample 1 of 2 · heldout", "the corpus: ……还剩十二页")
        await person.press("p")
        await person.sees("sample 2 of 2")
        row = next(row for row in person.screen if "persona+prefix" in row)
        assert row.split("│")[1].split() == ["persona+prefix", "base+prefix", "persona", "base"]

    play(meet(home, name=None), story, LOW)


def test_a_lane_that_was_not_asked_has_no_column(mira: CardFile, home: Home) -> None:
    sample = Sample("general", "Is ice cold?", "", {"persona": "Yes.", "base": "No."})
    evaluated(home, "a@best-quick-00000001", 1000, invented(samples=(SAMPLES[0], sample)))

    async def story(person: Person) -> None:
        await opens(person)
        await person.sees("warning  14 %")
        await person.press("n")
        await person.until(lambda: person.shows("#said-0") == "personaYes.")
        await person.until(lambda: person.shows("#said-1") == "baseNo.")
        assert [person.app.screen.query_one(f"#said-{at}").display for at in range(4)] == [True, True, False, False]

    play(meet(home, name=None), story, LOW)


def test_the_marked_one_is_shown_and_stays_marked_when_others_come(mira: CardFile, home: Home) -> None:
    evaluated(home, "old@best-quick-00000001", 1000, invented(findings=(Finding("note", "The old one."),)))
    evaluated(home, "new@best-full-00000002", 2000, invented(findings=(Finding("good", "The new one."),)))

    async def story(person: Person) -> None:
        await opens(person)
        await person.sees("good     The new one.")
        await person.press("down")
        await person.sees("note     The old one.")
        evaluated(home, "newest@best-full-00000003", 3000)
        await person.sees("newest@best")
        assert "note     The old one." in person.text
        await person.press("up", "up")
        await person.sees("warning  14 %")

    play(meet(home, name=None), story, SIZE)


def test_all_characters_are_a_key_away(mira: CardFile, home: Home) -> None:
    evaluated(home, "a@best-quick-00000001", 1000)
    evaluated(home, "b@best-quick-00000001", 500, character="gone")

    async def story(person: Person) -> None:
        screen = await opens(person)
        await person.sees("Evaluations of mira")
        await person.sees_no("b@best")
        await person.press("a")
        await person.sees("Evaluations of all characters", "gone       b@best")
        await person.press("down")
        await person.sees("next: gone the base alone")
        assert screen.character == "gone"
        await person.press("a")
        await person.sees("Evaluations of mira")
        assert screen.character == "mira"

    play(meet(home, name=None), story, SIZE)


def test_a_damaged_report_is_one_line_and_no_crash(mira: CardFile, home: Home) -> None:
    folder = evaluated(home, "a@best-quick-00000001", 1000)
    (folder / "report.json").write_text("{")

    async def story(person: Person) -> None:
        await opens(person)
        await person.sees("quick  damaged")
        await person.until(lambda: "report.jsonismissingordamaged" in person.shows("#findings"))
        assert person.app.screen.query_one("#findings").has_class("problem")
        assert not person.app.screen.query_one("#measures").display
        await person.press("n")
        await person.is_told("no samples")

    play(meet(home, name=None), story, SIZE)


def test_the_path_of_the_page_is_shown_and_copied(mira: CardFile, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []
    monkeypatch.setattr(ChatApp, "copy_to_clipboard", lambda self, text: copied.append(text))
    folder = evaluated(home, "a@best-quick-00000001", 1000)
    (folder / "report.html").write_text("<html>")

    async def story(person: Person) -> None:
        await opens(person)
        await person.sees("page with pictures:")
        await person.until(lambda: "a@best-quick-00000001/report.html" in person.shows("#progress"))
        await person.press("o")
        await person.is_told("Copied, to be opened in a browser")
        assert copied == [str(folder / "report.html")]

    play(meet(home, name=None), story, SIZE)


def test_what_strangers_wrote_is_shown_as_it_is(mira: CardFile, home: Home) -> None:
    bad = "[bold red]x[/] \x1b[31m\u202e@click[/]"
    measure = Measure("identity", "probes", bad, "higher", by_lane(1e4, float("nan"), -5, 1e308), "percent")
    style = replace(MEASURES[5], title=bad, lanes=by_lane(9, -9, float("nan"), 0.5))
    report = invented(
        display_name=bad,
        measures=(style, measure),
        samples=(Sample(bad, bad, bad, {"persona+prefix": bad, "nobody": bad}),),
        findings=(Finding("warning", bad),),
    )
    evaluated(home, "a@best-quick-00000001", 1000, report)

    async def story(person: Person) -> None:
        await opens(person)
        await person.sees("warning  [bold red]x[/] [31m@click[/]", "[bold red]x[/] [31m@click[/]: from others' lines")
        await person.press("n")
        await person.until(lambda: person.shows("#said-0") == "persona+prefix[boldred]x[/][31m@click[/]")
        for strip in person.app.screen._compositor.render_strips():
            assert clean(strip.text) == strip.text

    play(meet(home, name=None), story, SIZE)


@pytest.mark.parametrize("changes", [{"measures": ()}, {"lanes": ()}, {"findings": (), "samples": (), "measures": ()}])
def test_a_report_that_lacks_something_is_shown_without_it(
    mira: CardFile, home: Home, changes: dict[str, tuple[()]]
) -> None:
    evaluated(home, "a@best-quick-00000001", 1000, invented(**changes))

    async def story(person: Person) -> None:
        await opens(person)
        await person.until(lambda: view(person).shown is not None)
        await person.press("n")
        assert person.app.screen.query_one("#said").display == ("samples" not in changes)
        assert person.app.screen.query_one("#bars").display == ("measures" not in changes)

    play(meet(home, name=None), story, SIZE)


@pytest.mark.parametrize("held", [None, {}, {"floor": 0.5}, {"floor": 0.5, "ceiling": 0.5}])
def test_without_a_way_from_floor_to_ceiling_no_style_is_drawn(held: dict[str, float] | None) -> None:
    style = replace(MEASURES[5], references=held)
    lanes = [("persona", Color(1, 2, 3))]
    assert style_bars(invented(measures=(style,)), 80, lanes).plain == ""
    assert style_bars(invented(measures=()), 80, lanes).plain == ""
    assert style_bars(invented(), 80, lanes).plain.endswith(" 78%")


def test_the_table_follows_the_width_of_the_screen(mira: CardFile, home: Home) -> None:
    evaluated(home, "a@best-quick-00000001", 1000)

    async def story(person: Person) -> None:
        await opens(person)
        await person.press("tab", *["pagedown"] * 3)
        await person.sees("held-out lines, bits per character   ")
        await person.pilot.resize_terminal(80, 24)
        await person.until(lambda: view(person).virtual_size.width <= 80)
        await person.pilot.resize_terminal(40, 24)
        await person.until(lambda: view(person).virtual_size.width > 40)  # nothing is lost: it scrolls sideways
        await person.until(lambda: not person.app.screen.query_one("#bits").display)

    play(meet(home, name=None), story, SIZE)


def test_every_key_stands_in_the_palette(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        screen = await opens(person, "f12")
        listed = {command.title for command in person.app.get_system_commands(screen)}
        own = {"Back", "Quick", "Full", "Stop", "Next sample", "Previous", "Page", "All"}
        assert own | {"Evaluations", "Runs", "Training"} <= listed
        await person.press("f1")
        await person.sees("Stop evaluating; begun again, it goes on", "Evaluations of all characters, or of this one")

    play(meet(home, name=None), story, SIZE)


def test_evaluations_are_read_without_a_model() -> None:
    program = """
import sys
import tui.evaluation_screen, tui.evaluation_view
assert "numpy" not in sys.modules
import roleplay.evaluation.background, roleplay.evaluation.listing, roleplay.evaluation.table
assert not {"torch", "transformers", "peft", "sklearn", "matplotlib"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])


def test_how_it_looks(mira: CardFile, home: Home, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.localtime", lambda seconds: (2025, 1, 2, 3, 4, 5, 3, 2, 0))
    monkeypatch.setattr("tui.evaluation_screen.shown", lambda path: f"…/{path.parent.name}/{path.name}")
    evaluated(home, "20250102-030405@best-quick-00000001", 1000)

    async def story(person: Person) -> None:
        await opens(person)
        await person.sees("warning  14 %", "out of 100", "report.html")

    assert draw(meet(home, name=None), story, (120, 40)) == snapshot.use_extension(Svg)
