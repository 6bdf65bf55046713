"""An evaluation is begun from its screen, stopped, found again, and gone on with."""

import sys
from pathlib import Path

import pytest

from roleplay.cards.load import CardFile
from roleplay.evaluation.background import begin, look_at, stop
from roleplay.evaluation.notebook import Notebook
from roleplay.paths import Home
from tests.tui.evaluated import LOW, SIZE, evaluated, opens
from tests.tui.person import Person, meet, play
from tests.tui.trained import write_run

STANDING_IN = """
import signal, sys, time

def stop(*_):
    print("error: interrupted", file=sys.stderr)
    sys.exit(130)

signal.signal(signal.SIGINT, stop)
print("asked:", *sys.argv[1:], file=sys.stderr, flush=True)
time.sleep(60)
"""
FAILING = "import sys; sys.exit('replies\\nerror: the base is gone; put it back')"


@pytest.fixture(autouse=True)
def attentive(monkeypatch: pytest.MonkeyPatch) -> None:
    """The screen looks again at once; no evaluation is a real one."""
    monkeypatch.setattr("tui.evaluation_screen._LOOKS", 0.05)
    instead(monkeypatch, STANDING_IN)


def instead(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr("roleplay.evaluation.background._COMMAND", (sys.executable, "-I", "-c", program))


def test_one_that_is_begun_needs_no_screen(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await opens(person)
        await person.sees("No evaluations yet: s begins a quick one", "the base alone, as no adapter answers (F8")
        await person.press("t")
        await person.is_told("there is nothing to stop")
        await person.press("s")
        await person.sees("evaluating · asked: mira --quick · 0 min 0")

    play(meet(home, name=None), story, SIZE)
    seen = look_at(home, "mira")
    assert seen is not None
    assert seen.state == "running"
    stop(home, "mira")


def test_one_is_found_again_stopped_and_gone_on_with(mira: CardFile, home: Home) -> None:
    begin(home, "mira", quick=True)

    async def story(person: Person) -> None:
        await opens(person)
        await person.sees("evaluating · asked: mira --quick")
        await person.press("f")
        await person.is_told("mira is being evaluated already; wait for it, or stop it")
        await person.press("t")
        await person.sees("stopped; begun again, it goes on from what it found")
        await person.press("f")
        await person.sees("evaluating · asked: mira · ")
        await person.press("t")
        await person.sees("stopped; begun again")

    play(meet(home, name=None), story, SIZE)


def test_one_that_fails_says_why(mira: CardFile, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    instead(monkeypatch, FAILING)

    async def story(person: Person) -> None:
        screen = await opens(person)
        await person.press("s")
        await person.sees("error: the base is gone; put it back")
        await person.until(lambda: screen.query_one("#progress").has_class("problem"), "for it to have ended")
        instead(monkeypatch, "import sys; print('replies', file=sys.stderr)")
        await person.press("s")
        await person.sees("it ended before its time, after: replies")

    play(meet(home, name=None), story, SIZE)


def test_what_another_process_evaluates_is_seen_until_it_is_done(mira: CardFile, home: Home) -> None:
    folder = home.evaluations / "mira" / "a@best-full-00000001"

    async def story(person: Person) -> None:
        await opens(person)
        with Notebook(folder / "notebook.jsonl") as notebook:
            notebook.put({"a": 1, "b": 2})
            await person.sees("full  running", "It is being evaluated; 2 answers and likelihoods so far.")
            notebook.put({"c": 1})
            await person.sees("3 answers and likelihoods so far.")
        await person.sees(
            "full  stopped", "It was stopped after 3 answers and likelihoods; evaluated again, it goes on"
        )
        await person.press("n")
        await person.is_told("This evaluation has no samples to read.")
        await person.press("o")
        await person.is_told("There is no page yet")
        evaluated(home, folder.name, 1000)
        await person.sees("full  finished", "warning  14 %")

    play(meet(home, name=None), story, SIZE)


def test_a_run_is_evaluated_from_the_list_of_runs(mira: CardFile, home: Home) -> None:
    write_run(home, "mira", "older", [3.0, 2.5], finished=True)

    async def story(person: Person) -> None:
        await person.sees("You are Mira")
        await person.press("r")
        await person.sees("Runs of mira", "older")
        await person.press("e")
        await person.sees("Evaluations of mira", "next: older@best")
        await person.press("s")
        await person.sees("asked: mira --quick --run=older")
        await person.press("t")
        await person.sees("stopped; begun again")
        await person.press("f12")
        await person.sees("Evaluations of mira")
        await person.press("f9")
        await person.sees("Runs of mira")
        await person.press("f12")
        await person.sees("Evaluations of mira", "next: older@best")
        await person.press("escape")
        await person.sees("Who do you want to talk to?")

    play(meet(home, name=None), story, SIZE)


def test_without_a_character_all_are_shown_and_none_is_evaluated(project: Path, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("No characters yet")
        await person.press("e")
        await person.sees("Evaluations of all characters")
        await person.press("s")
        await person.is_told("Whom to evaluate? Choose a character first.")
        await person.press("a")
        await person.is_told("These are the evaluations of all characters.")

    play(meet(home, name=None), story, LOW)
