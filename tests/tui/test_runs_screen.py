"""Runs: listed, compared, watched, removed after two questions."""

import pytest

from roleplay.cards.load import CardFile
from roleplay.paths import Home
from roleplay.training.run import Run
from tests.tui.person import Person, meet, play
from tests.tui.trained import write_run
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
