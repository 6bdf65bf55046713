"""Runs: listed, compared, watched, promoted, removed after two questions."""

import json
import os
from dataclasses import asdict

import pytest

from roleplay.cards.load import CardFile
from roleplay.models.find import answering_adapter
from roleplay.models.passport import PASSPORT, BaseIdentity, Passport
from roleplay.paths import Home
from roleplay.training.run import Run
from tests.tui.person import Person, meet, play
from tests.tui.trained import answering, write_run
from tui.runs_screen import RunsScreen
from tui.training_screen import TrainingScreen

SIZE = (130, 44)


@pytest.fixture(autouse=True)
def attentive(monkeypatch: pytest.MonkeyPatch) -> None:
    """The screen looks again at once."""
    monkeypatch.setattr("tui.runs_screen._LOOKS", 0.05)


@pytest.fixture
def runs(mira: CardFile, home: Home) -> list[Run]:
    """Two of Mira's, the older one finished, and one of somebody who has no card any more."""
    return [
        write_run(home, "mira", "older", [3.0, 2.5], finished=True),
        write_run(home, "mira", "newer", [3.0, 2.0, 1.75]),
        write_run(home, "gone", "lost", [4.0]),
    ]


@pytest.fixture
def both(runs: list[Run]) -> list[Run]:
    """Mira's two, both of them finished."""
    runs[1].write_summary({})
    answering(runs[1].adapter("best"))
    for run in runs[:2]:
        passport = Passport("mira", BaseIdentity("pocket", None, "", "", "", None), run.name, 25, 2.5)
        (run.adapter("best") / PASSPORT).write_text(json.dumps(asdict(passport)))
    os.utime(runs[0].folder / "summary.json", (1000, 1000))
    return runs


async def opens(person: Person) -> RunsScreen:
    await person.sees("You are Mira")
    await person.press("r")
    await person.sees("Runs of mira", "older", "newer")
    screen = person.app.screen
    assert isinstance(screen, RunsScreen)
    return screen


def test_each_run_is_listed_with_what_came_of_it(runs: list[Run], home: Home) -> None:
    async def story(person: Person) -> None:
        await opens(person)
        newer, older = (next(row for row in person.screen if name in row) for name in ("newer", "older"))
        assert [part for part in newer.split() if part != "│"] == ["newer", "stopped", *_told("25", "1.750")]
        assert "answers in chat" in older
        await person.sees_no("lost")
        await person.press("a")
        await person.sees("Runs of all characters", "gone       lost")
        await person.press("a")
        await person.sees("Runs of mira")
        with runs[1].locked():
            await person.sees("training")

    play(meet(home, name=None), story, SIZE)


def _told(steps: str, loss: str) -> list[str]:
    return ["quick", "pocket", steps, loss]


def test_marked_runs_are_drawn_in_one_picture(runs: list[Run], home: Home) -> None:
    async def story(person: Person) -> None:
        await opens(person)
        await person.sees("training, smoothed")
        await person.press("space", "down", "space")
        await person.sees("held-out loss", "mira/newer", "mira/older", "●")
        await person.press("space")
        await person.sees_no("mira/older")

    play(meet(home, name=None), story, SIZE)


def test_runs_are_removed_after_two_questions(runs: list[Run], home: Home) -> None:
    async def story(person: Person) -> None:
        await opens(person)
        for answers in (["escape"], ["y", "n"]):
            await person.press("delete")
            await person.sees("Remove with adapters and checkpoints?", "mira/newer")
            await person.press(answers[0])
            if len(answers) > 1:
                await person.sees("Nothing brings this run back.")
                await person.press(answers[1])
            await person.sees_no("mira/newer")
        assert runs[1].folder.exists()
        await person.press("space", "down", "space", "delete")
        await person.sees("mira/newer", "mira/older")
        await person.press("y")
        await person.sees("Nothing brings these 2 runs back.")
        await person.press("y")
        await person.sees("none yet: F8 trains one")
        assert [run.folder.exists() for run in runs] == [False, False, True]

    play(meet(home, name=None), story, SIZE)


def test_a_run_that_trains_is_not_removed(runs: list[Run], home: Home) -> None:
    async def story(person: Person) -> None:
        await opens(person)
        with runs[1].locked():
            await person.press("delete")
            await person.sees("Remove with adapters")
            await person.press("y")
            await person.sees("Nothing brings")
            await person.press("y")
            await person.is_told("another process is training")
        assert runs[1].folder.exists()

    play(meet(home, name=None), story, SIZE)


def test_a_run_is_watched_on_the_training_screen(runs: list[Run], home: Home) -> None:
    async def story(person: Person) -> None:
        await opens(person)
        await person.press("down", "enter")
        await person.sees("Training mira", "older · finished")
        screen = person.app.screen
        assert isinstance(screen, TrainingScreen)
        assert screen.run == runs[0]
        await person.press("f9")
        await person.sees("Runs of mira")
        await person.press("escape")
        await person.sees("Who do you want to talk to?")

    play(meet(home, name=None), story, SIZE)


def row_of(person: Person, name: str) -> str:
    """The row of a run in the table; empty while it is not drawn."""
    return next((row for row in person.screen if f" {name} " in row and "…" not in row), "")


def test_a_run_is_promoted_and_the_same_key_takes_that_back(both: list[Run], home: Home) -> None:
    async def story(person: Person) -> None:
        await opens(person)
        assert "answers in chat" in row_of(person, "newer")
        await person.press("down", "p")
        await person.is_told("For mira, older@best answers in new chats now.")
        await person.until(lambda: "promoted: best" in row_of(person, "older"))
        await person.until(lambda: "finished" in row_of(person, "newer"))
        await person.press("p")
        await person.is_told("For mira, newer@best answers in new chats now.")
        await person.until(lambda: "answers in chat" in row_of(person, "newer"))
        assert "finished" in row_of(person, "older")

    play(meet(home, name=None), story, SIZE)


def test_one_that_answers_already_is_marked_when_it_is_promoted(both: list[Run], home: Home) -> None:
    async def story(person: Person) -> None:
        await opens(person)
        await person.press("p")
        await person.until(lambda: "promoted: best" in row_of(person, "newer"))

    play(meet(home, name=None), story, SIZE)


def test_a_run_that_is_not_finished_is_not_promoted(runs: list[Run], home: Home) -> None:
    async def story(person: Person) -> None:
        await opens(person)
        await person.press("p")
        await person.is_told("the run newer of mira is not finished")
        await person.sees("answers in chat")

    play(meet(home, name=None), story, SIZE)


def test_a_promoted_run_that_is_removed_leaves_its_place_to_the_newest(
    both: list[Run], home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.runs_screen._LOOKS", 60)  # what is being removed is not looked at meanwhile

    async def story(person: Person) -> None:
        await opens(person)
        await person.press("down", "p")
        await person.sees("promoted: best")
        await person.press("delete")
        await person.sees("Remove with adapters")
        await person.press("y")
        await person.sees("Nothing brings")
        await person.press("y")
        await person.is_told("For mira, newer@best answers in new chats now.")
        await person.sees_no("promoted: best")
        now = answering_adapter(home, "mira")
        assert now is not None
        assert now.label == "newer@best"

    play(meet(home, name=None), story, SIZE)
